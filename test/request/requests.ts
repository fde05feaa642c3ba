import type { RequestView } from '../../lib/request/view.js'

/** Returns a request with a target and fields (names in lower case). */
export function request(
  target: string,
  fields: Readonly<Record<string, string>> = {},
  properties: Partial<RequestView> = {},
): RequestView {
  return {
    method: 'GET',
    target,
    header: (name) => fields[name],
    address: '192.0.2.1',
    secure: false,
    host: 'origin.example',
    mount: '',
    ...properties,
  }
}
