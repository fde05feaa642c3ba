import { almalinux } from './almalinux.js'
import { mirrorbits } from './mirrorbits.js'
import { mirrorbrain } from './mirrorbrain.js'
import { nearest } from './nearest.js'
import type { PreparedStrategy, Strategy } from './strategy.js'

/** Values of the `strategy` option. */
export const STRATEGIES = ['nearest', 'mirrorbits', 'almalinux', 'mirrorbrain'] as const
export type StrategyName = (typeof STRATEGIES)[number]

/**
 * Returns a strategy by its name, or a user's strategy as it is.
 *
 * @param nearFactor mirrors up to this multiple of the nearest mirror's distance are near
 */
export function strategyOf(strategy: StrategyName | Strategy, nearFactor: number): PreparedStrategy {
  switch (strategy) {
    case 'nearest':
      return nearest(nearFactor)
    case 'mirrorbits':
      return mirrorbits(nearFactor)
    case 'almalinux':
      return almalinux
    case 'mirrorbrain':
      return mirrorbrain
    default:
      return strategy
  }
}
