export { ERROR_CODES, type ErrorCode, MirroredByError } from './errors.js'
export type { Home } from './geo/locator.js'
export type { Progress } from './indexing/indexer.js'
export type { MirrorChange, MirrorHealth, WayHealth } from './mirrors/health/summary.js'
export type { CorruptFile, MirrorPresence, SurveyReport } from './mirrors/presence/report.js'
export type { RankedMirror, Ranking } from './mirrors/ranking/rank.js'
export type { StrategyName } from './mirrors/ranking/strategies/strategies.js'
export type { Choice, ChosenTier, Near, Strategy } from './mirrors/ranking/strategies/strategy.js'
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
export { createOrigin, type Indexed, type MirrorInForce, type Origin, type OriginEvents } from './origin.js'
export { type AnswerView, type Decoration, decoration } from './request/decoration.js'
export { type Answer, answer, type Part, type Range, type Representation } from './request/file-response.js'
export type {
  DecoratePlan,
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
  KnownCorrupt,
  KnownPresence,
  KnownScan,
  KnownStates,
  KnownWay,
  MirrorEvent,
  PresenceChange,
  SetName,
  StateChange,
  StateStore,
  StoredBlock,
  StoredEvent,
  WantedFile,
  Way,
  WayState,
} from './store/states.js'
export type { Change, SampledFile, Store, StoredFile, Totals } from './store/store.js'
