/** A request that Graph turns down. `details` instead of the table's. */
export interface GraphRefusal {
  code: number;
  details: string | undefined;
}

export function refuseCall(code: number, details?: string): GraphRefusal {
  return { code, details };
}

export function isGraphRefusal(value: object): value is GraphRefusal {
  return "code" in value && "details" in value;
}
