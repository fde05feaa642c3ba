import { dirname, resolve } from 'node:path'
import * as v from 'valibot'
import { type OriginOptions, optionEntries } from '../options.js'
import { mapping, validateYamlFile } from '../validation.js'

/** The content of a configuration file: options of `createOrigin`, and the address of `serve`. */
export interface Configuration extends Omit<OriginOptions, 'root'> {
  root?: string | undefined
  port?: number | undefined
  host?: string | undefined
}

const portMessage = 'must be a port, 0 to 65535'

/** Port of `serve`; 0 takes a free port. */
export const portSchema = v.pipe(
  v.number(portMessage),
  v.integer(portMessage),
  v.minValue(0, portMessage),
  v.maxValue(65535, portMessage),
)

const configurationSchema = mapping(
  {
    ...optionEntries,
    root: v.optional(optionEntries.root),
    store: v.optional(v.string('must be the path of a file')),
    mirrorStates: v.optional(v.string('must be the path of a file')),
    port: v.optional(portSchema),
    host: v.optional(v.string('must be an address')),
  },
  'must be a mapping',
)

/**
 * Reads a configuration file. Paths in it are relative to its folder.
 *
 * @throws MirroredByError ERR_CONFIG_FILE naming file, line and reason of every mistake
 */
export function readConfiguration(file: string): Configuration {
  const configuration = validateYamlFile(configurationSchema, file, 'ERR_CONFIG_FILE')
  const { root, store, mirrorStates, mirrors, geo } = configuration
  const absolute = (path: string) => resolve(dirname(file), path)
  return {
    ...configuration,
    ...(root === undefined ? {} : { root: absolute(root) }),
    ...(store === undefined ? {} : { store: absolute(store) }),
    ...(mirrorStates === undefined ? {} : { mirrorStates: absolute(mirrorStates) }),
    ...(geo === undefined ? {} : { geo: geo === false ? geo : geo.map(absolute) }),
    ...(typeof mirrors === 'string' ? { mirrors: absolute(mirrors) } : { mirrors: [...mirrors] }),
  }
}
