/** Sizes of the measurements. */
export interface Scale {
  /** Number of pairs of loads, seconds of each load, and seconds of the warm-up. */
  readonly loads: { readonly pairs: number; readonly seconds: number; readonly warmUp: number }
  readonly quality: { readonly clients: number }
  readonly hashing: { readonly rounds: number; readonly files: number; readonly fileBytes: number }
  readonly indexing: { readonly rounds: number; readonly folders: number; readonly filesAFolder: number }
  /** `seconds`: duration of requests of each kind in each round. */
  readonly scans: {
    readonly rounds: number
    readonly wgetRounds: number
    readonly files: number
    readonly seconds: number
  }
  readonly presence: { readonly mirrors: number; readonly files: number }
}

const MIB = 1024 ** 2

export const FULL: Scale = {
  loads: { pairs: 15, seconds: 1, warmUp: 2 },
  quality: { clients: 100_000 },
  hashing: { rounds: 5, files: 8, fileBytes: 128 * MIB },
  indexing: { rounds: 5, folders: 400, filesAFolder: 500 },
  scans: { rounds: 7, wgetRounds: 2, files: 200_000, seconds: 5 },
  presence: { mirrors: 500, files: 1_000_000 },
}

/** Shows that everything runs; the ratios are not reliable. */
export const QUICK: Scale = {
  loads: { pairs: 3, seconds: 1, warmUp: 1 },
  quality: { clients: 10_000 },
  hashing: { rounds: 3, files: 4, fileBytes: 32 * MIB },
  indexing: { rounds: 3, folders: 40, filesAFolder: 500 },
  scans: { rounds: 3, wgetRounds: 1, files: 20_000, seconds: 3 },
  presence: { mirrors: 50, files: 100_000 },
}

/** One pass over a million files, to measure memory: `npm run bench -- --million indexing`. */
export const MILLION: Scale = { ...FULL, indexing: { rounds: 1, folders: 10_000, filesAFolder: 100 } }
