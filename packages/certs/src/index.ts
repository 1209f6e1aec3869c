export { CertsError, type CertsErrorCode } from './error.ts'
export {
  authorityDays,
  type CertPaths,
  type CertsReport,
  certPaths,
  certsInit,
  certsIssue,
  certsRenew,
  certsShow,
  type EnsureOptions,
  type EnsureReport,
  ensureCertificates,
  type InitOptions,
  type IssueOptions,
  leafDays,
  type RenewOptions,
} from './home.ts'
export {
  type CertSummary,
  type CertWarning,
  type CertWarningCode,
  expiryWarningDays,
  type LoadedTls,
  type LoadTlsOptions,
  loadTls,
} from './inspect.ts'
export { ensureToken, type Token } from './token.ts'
