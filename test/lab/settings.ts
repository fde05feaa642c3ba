/** Intervals and rates of the lab: short enough for a test, with room for a busy machine. */

/** From the death of a mirror to the first response that does not name it. */
export const PROBES_MS = 4000
/** Between two surveys of a mirror. */
export const SURVEYS_MS = 2000
/** Tolerance for a slow machine. */
export const SPARE_MS = 2000
/**
 * Bytes per second of the origin on each connection, so that mirrors serve their part of a
 * download.
 */
export const RATE = 2 * 1024 * 1024
/** About twenty pieces a second. */
export const CHALLENGE = { bytesPerHour: '8GiB', recheckInterval: '1s' }
/** Options of an origin that checks its mirrors often. */
export const OFTEN_CHECKED = {
  geo: false,
  probe: { interval: PROBES_MS },
  presence: { interval: SURVEYS_MS },
} as const
