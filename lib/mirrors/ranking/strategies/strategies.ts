import { almalinux } from './almalinux.js'
import { mirrorbits } from './mirrorbits.js'
import { mirrorbrain } from './mirrorbrain.js'
import { nearest } from './nearest.js'
import type { Strategy } from './strategy.js'

/** Strategies by the names of the `strategy` option. */
export const STRATEGIES = ['nearest', 'mirrorbits', 'almalinux', 'mirrorbrain'] as const
export type StrategyName = (typeof STRATEGIES)[number]

/** @param range how many times as far as the nearest mirror is "about as near" */
export function strategyOf(strategy: StrategyName | Strategy, range: number): Strategy {
  switch (strategy) {
    case 'nearest':
      return nearest(range)
    case 'mirrorbits':
      return mirrorbits(range)
    case 'almalinux':
      return almalinux
    case 'mirrorbrain':
      return mirrorbrain
    default:
      return strategy
  }
}
