import { metalink3 } from './metalink3.js'
import { metalink4 } from './metalink4.js'
import type { Representation } from './representation.js'

const TABLE = [metalink4, metalink3] as const satisfies readonly Representation[]

/** Name of a representation, as in the query and in the option `representations`. */
export type RepresentationName = (typeof TABLE)[number]['name']

/**
 * Every representation: the only list of them. The order of the list is the order of `Link` lines,
 * and breaks ties between representations that a request weighs the same.
 */
export const REPRESENTATIONS: readonly Representation[] = TABLE

export const REPRESENTATION_NAMES: readonly RepresentationName[] = TABLE.map(({ name }) => name)
