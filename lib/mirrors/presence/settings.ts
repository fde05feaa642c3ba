import type { ChallengeSettings } from './challenger.js'

export interface PresenceTimes {
  /** Milliseconds between two surveys of a mirror. */
  readonly interval: number
  /** Milliseconds that a check of one file may take. */
  readonly timeout: number
  /** Files per second that are checked one by one on a mirror without a listing. */
  readonly rate: number
}

/** How the files of mirrors are surveyed, checked and challenged. */
export interface PresenceSettings extends PresenceTimes {
  /** Whether hosts may have private addresses that their URLs do not name. */
  readonly privateAddresses: boolean
  /** Undefined: no piece of a file is ever fetched. */
  readonly challenge: ChallengeSettings | undefined
}
