import { constants, setPriority } from 'node:os'

// On Linux, this lowers the priority of this thread and of those it starts, not of the process. The
// main thread, which handles requests, comes first.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
// Imported afterwards, because loading takes 0.25 s, which should run at low priority.
await import('./survey-work.js')
