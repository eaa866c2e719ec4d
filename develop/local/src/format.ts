/** A duration for a person: `12 ms`, `4 s`, `2:05 min`, `1:30 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${String(seconds % 60).padStart(2, "0")} min`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")} h`;
}

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
