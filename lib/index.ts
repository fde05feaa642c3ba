export { ERROR_CODES, type ErrorCode, MirroredByError } from './errors.js'
export type { LocalPlace } from './geo/locator.js'
export type { Indexed } from './indexing/first-pass.js'
export type { Progress } from './indexing/indexer.js'
export type { EndpointHealth, MirrorChange, MirrorHealth } from './mirrors/health/summary.js'
export type { CorruptFile, MirrorPresence, SurveyReport } from './mirrors/presence/report.js'
export type { RankedMirror, Ranking } from './mirrors/ranking/rank.js'
export type { StrategyName } from './mirrors/ranking/strategies/strategies.js'
export type {
  Choice,
  ChosenTier,
  Proximity,
  Strategy,
} from './mirrors/ranking/strategies/strategy.js'
export type {
  Algorithm,
  Awaitable,
  Client,
  Condition,
  Coordinates,
  Digests,
  EtagPolicy,
  Family,
  Field,
  HashedFile,
  Identity,
  IndexedFile,
  Mirror,
  MirrorState,
  Mode,
  Pieces,
  Place,
} from './model.js'
export type {
  ChallengeOptions,
  CheckedOptions,
  Duration,
  MirrorOptions,
  OriginOptions,
  PresenceOptions,
  ProbeOptions,
  Size,
  TraceOptions,
} from './options.js'
export { createOrigin, type MirrorReport, type Origin } from './origin.js'
export type { OriginEvents } from './origin-events.js'
export { type Decoration, decoration, type ResponseView } from './request/decoration.js'
export {
  type ByteRange,
  type FileResponse,
  fileResponse,
  type RangePart,
  type SelectedFile,
} from './request/file-response.js'
export type {
  DecoratePlan,
  DocumentBody,
  DocumentPlan,
  FilePlan,
  PassPlan,
  Plan,
  RedirectPlan,
  RejectPlan,
} from './request/plan.js'
export type { RequestView } from './request/view.js'
export { memoryStore } from './store/memory.js'
export { memoryStates } from './store/memory-states.js'
export { sqliteStore } from './store/sqlite.js'
export { sqliteStates } from './store/sqlite-states.js'
export type {
  Endpoint,
  EndpointState,
  MirrorEvent,
  MirrorStateStore,
  PresenceChange,
  RequestedCheck,
  SetName,
  StateChange,
  StoredBlock,
  StoredCorruptFile,
  StoredEndpoint,
  StoredEvent,
  StoredPresence,
  StoredStates,
  StoredSurvey,
} from './store/states.js'
export type { Change, Lease, SampledFile, Store, StoredFile, Totals } from './store/store.js'
