import { urlPath } from '../fields/url.js'
import { explain, type Ranking } from '../mirrors/rank.js'
import { Registry } from '../mirrors/registry.js'
import type { Mirror } from '../model.js'
import { table } from './table.js'

/**
 * Which mirrors a client would be given for a file: `mirrored-by rank`.
 *
 * @param mirrors a checked list, or the path of a mirrors file
 * @throws MirroredByError ERR_MIRRORS_FILE
 */
export function ranking(
  mirrors: string | readonly Mirror[],
  path: string,
  ip: string,
  secure: boolean,
): Ranking {
  const { snapshot } = new Registry(mirrors, false, { replaced: () => {}, warning: () => {} })
  const relative = path.replace(/^\/+/, '')
  return explain(snapshot, { path: relative, secure }, { address: ip }, urlPath(relative))
}

/** The choice as a person reads it. */
export function rankingText({ path, client, ranked, omitted }: Ranking): string {
  const place = client.country ?? 'place unknown'
  const lines = [`${path} for ${client.address} (${place})`, '']
  if (ranked.length === 0) lines.push('no mirror: the origin answers')
  else {
    lines.push(
      ...table([
        ['#', 'MIRROR', 'TIER', 'WEIGHT', 'SHARE', 'URL'],
        ...ranked.map(({ id, tier, weight, share, url }, index) => [
          String(index + 1),
          id,
          tier,
          String(weight),
          `${(share * 100).toFixed(1)} %`,
          url,
        ]),
      ]),
    )
  }
  if (omitted.length > 0) {
    lines.push('', ...table([['LEFT OUT', 'BECAUSE'], ...omitted.map(({ id, reason }) => [id, reason])]))
  }
  return lines.join('\n')
}
