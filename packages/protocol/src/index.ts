export { aesOnly, type ChannelCipher, type Ciphers, type CryptoMethod, withBlowfish } from './cipher.ts'
export {
  type AgentControl,
  ackPayload,
  durablePayload,
  errorPayload,
  fileBeginPayload,
  fileEndPayload,
  isControl,
  isNewerVersion,
  isSpool,
  keepAlivePayload,
  type ManagerControl,
  numberedPayload,
  parseAgentControl,
  parseManagerControl,
  reconnectPayload,
  requestPayload,
  responsePayload,
  scanPayload,
  shutdownPayload,
  startupPayload,
} from './control.ts'
export { type Counter, counterOrder, nextCounter, ReplayWindow } from './counter.ts'
export { CounterFiles, SenderCounter } from './counter-files.ts'
export {
  type AnswerReading,
  type EnrolmentRequest,
  enrolledAnswer,
  enrolmentLengthMax,
  enrolmentLine,
  groupProblem,
  groupsMax,
  parseEnrolment,
  parseEnrolmentAnswer,
  refusedAnswer,
} from './enrolment.ts'
export {
  type EventMessage,
  escapeLocation,
  eventPayload,
  isEvent,
  isNoise,
  type Origin,
  parseEvent,
  type Queue,
  queues,
  withOrigin,
} from './event-message.ts'
export { FrameReader, frame } from './frame.ts'
export { type AgentLabel, type AgentSystem, type KeepAlive, keepAliveText, parseKeepAlive } from './keep-alive.ts'
export {
  type CipherKeys,
  cipherKeys,
  formatAgentId,
  isAgentAddress,
  isAgentId,
  isAgentKey,
  isAgentName,
  type KeyEntry,
  keyHash,
  keyLine,
  parseKeyLine,
} from './keys.ts'
export { md5 } from './md5.ts'
export {
  isSharedName,
  isSharedText,
  joinGroups,
  mergedName,
  mergedTitle,
  mergeFiles,
  piecesOf,
  responsesName,
  responsesText,
  type SharedFile,
  splitMerged,
} from './merged.ts'
export {
  type Envelope,
  isPing,
  type MessageProblem,
  messageLengthMax,
  messageProblems,
  type OpenMessage,
  openMessage,
  payloadLengthMax,
  pong,
  readEnvelope,
  sealMessage,
} from './message.ts'
