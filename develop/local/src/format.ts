import { formatDuration } from "@turno/turno/terminal/format-duration";

/** An instant of the rules' clock for a person, in UTC: `Tue 24 Nov 14:05`. */
export function formatInstant(atMs: number): string {
  const [weekday = "", day, month, , time = ""] = new Date(atMs).toUTCString().split(" ");
  return `${weekday.slice(0, 3)} ${day} ${month} ${time.slice(0, 5)}`;
}

/** How a speed feels: `1 h in 5 s, a day in 2:00 min`. */
export function formatSpeed(speed: number): string {
  const day = 86_400_000 / speed;
  return `an hour passes in ${formatDuration(day / 24)}, a day in ${formatDuration(day)}`;
}
