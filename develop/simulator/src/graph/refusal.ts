/** A request that Graph turns down. `details` instead of the table's. */
export interface Refusal {
  code: number;
  details: string | undefined;
}

export function refuse(code: number, details?: string): Refusal {
  return { code, details };
}

export function isRefusal(value: object): value is Refusal {
  return "code" in value && "details" in value;
}
