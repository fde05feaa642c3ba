import { urlPath } from '../fields/url.js'
import { explain, type Ranking } from '../mirrors/rank.js'
import { Registry } from '../mirrors/registry.js'
import type { CheckedOptions } from '../options.js'
import { table } from './table.js'

/**
 * Which mirrors a client would be given for a file: `mirrored-by rank`.
 *
 * @throws MirroredByError ERR_MIRRORS_FILE
 */
export function ranking(options: CheckedOptions, path: string, ip: string, secure: boolean): Ranking {
  const { snapshot } = new Registry(options.mirrors, false, options, {
    replaced: () => {},
    warning: () => {},
  })
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
        ['#', 'MIRROR', 'TIER', 'KM', 'WEIGHT', 'SHARE', 'URL'],
        ...ranked.map(({ id, tier, distance, weight, share, url }, index) => [
          String(index + 1),
          id,
          tier,
          distance === undefined ? '-' : distance.toFixed(0),
          String(weight),
          share === undefined ? '-' : `${(share * 100).toFixed(1)} %`,
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
