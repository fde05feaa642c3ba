import { dirname, resolve } from 'node:path'
import * as v from 'valibot'
import { type OriginOptions, optionEntries } from '../options.js'
import { mapping, readYamlFile } from '../validation.js'

/** The content of a configuration file: options of `createOrigin`, and those of `serve`. */
export interface Configuration extends Omit<OriginOptions, 'root'> {
  root?: string | undefined
  port?: number | undefined
  host?: string | undefined
  indexPages?: boolean | undefined
}

/** Returns the options of `createOrigin`, without those of `serve`. */
export function originOptionsOf<C extends Configuration>({ port, host, indexPages, ...options }: C) {
  return options
}

const portMessage = 'must be a port, 0 to 65535'

/** Port of `serve`; 0 takes a free port. */
export const portSchema = v.pipe(
  v.number(portMessage),
  v.integer(portMessage),
  v.minValue(0, portMessage),
  v.maxValue(65535, portMessage),
)

const filePath = v.pipe(v.string('must be the path of a file'), v.nonEmpty('must be the path of a file'))

const configurationSchema = mapping(
  {
    ...optionEntries,
    root: v.optional(optionEntries.root),
    store: v.optional(filePath),
    mirrorStates: v.optional(filePath),
    port: v.optional(portSchema),
    host: v.optional(v.string('must be an address')),
    indexPages: v.optional(v.boolean('must be true or false')),
  },
  'must be a mapping',
)

/**
 * Reads a configuration file. Values stay as they are written, because `createOrigin` checks and
 * converts them, as it does with values from elsewhere. Paths are relative to the file's folder.
 *
 * @throws MirroredByError ERR_CONFIG_FILE naming file, line and reason of every mistake
 */
export function readConfiguration(file: string): Configuration {
  const yaml = readYamlFile(file, 'ERR_CONFIG_FILE')
  const configuration = yaml.value
  if (!isConfiguration(configuration)) throw yaml.errorFor(configurationSchema)
  const { root, store, mirrorStates, mirrors, geo } = configuration
  const absolute = (path: string) => resolve(dirname(file), path)
  return {
    ...configuration,
    ...(root === undefined ? {} : { root: absolute(root) }),
    ...(typeof store === 'string' ? { store: absolute(store) } : {}),
    ...(typeof mirrorStates === 'string' ? { mirrorStates: absolute(mirrorStates) } : {}),
    ...(typeof mirrors === 'string' ? { mirrors: absolute(mirrors) } : {}),
    ...(typeof geo === 'string' ? { geo: absolute(geo) } : {}),
    ...(typeof geo === 'object' ? { geo: geo.map(absolute) } : {}),
  }
}

function isConfiguration(value: unknown): value is Configuration {
  return v.is(configurationSchema, value)
}
