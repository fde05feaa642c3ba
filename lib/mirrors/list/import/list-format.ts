/** Software whose lists can be imported. */
export const LIST_FORMATS = ['almalinux', 'debian', 'mirmon', 'mirrorbits', 'mirrorbrain'] as const
export type ListFormat = (typeof LIST_FORMATS)[number]
