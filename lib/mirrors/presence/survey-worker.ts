import { constants, setPriority } from 'node:os'

// On Linux that is this thread and what it starts, and nobody else: whoever answers requests is
// served first.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
// Only now, for to load it takes a quarter of a second.
await import('./survey-work.js')
