import { setPriority } from 'node:os'

/** Nice value: a third of the processor time of the main thread, where both want it. */
const PRIORITY = 5

// On Linux, this lowers the priority of this thread and of those it starts, not of the process. The
// main thread, which handles requests, comes first.
if (process.platform === 'linux') setPriority(PRIORITY)
// Imported afterwards, because loading takes 0.25 s, which should run at low priority.
await import('./survey-work.js')
