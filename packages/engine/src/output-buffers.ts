/** Whole lines for the four files, as the correlator writes them; the caller takes the bytes away and puts them on disk. */
import './latin1.ts'

export interface AlertInfo {
  readonly id: string
  /** Number of the event since the journal began. */
  readonly number: number
  readonly timeMs: number
  readonly level: number
  readonly ruleId: number
  /** Where its line stands in `alertsJson`; the newline is the last byte. Equal when that file is off. */
  readonly start: number
  readonly end: number
}

export interface TakenOutput {
  readonly alertsJson: Buffer
  readonly alertsText: Buffer
  readonly archivesJson: Buffer
  readonly archivesText: Buffer
  readonly alerts: AlertInfo[]
}

/** A sink that has grown beyond this does not keep its buffer. */
const keptLengthMax = 8 << 20

/** A growing byte buffer. */
export class ByteSink {
  bytes = Buffer.allocUnsafeSlow(1 << 16)
  length = 0

  reserve(more: number): void {
    const end = this.length + more
    if (end <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, end))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  /** Appends a latin1 text, one byte a code unit. */
  text(text: string): void {
    this.reserve(text.length)
    this.length += this.bytes.latin1Write(text, this.length)
  }

  copy(from: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    from.copy(this.bytes, this.length, start, end)
    this.length += end - start
  }

  take(): Buffer {
    return Buffer.from(this.lend())
  }

  /** What has been written, without a copy: good until something is written again. */
  lend(): Buffer {
    const lent = this.bytes.subarray(0, this.length)
    this.length = 0
    if (this.bytes.length > keptLengthMax) this.bytes = Buffer.allocUnsafeSlow(1 << 16)
    return lent
  }
}

export class OutputBuffers {
  readonly alertsJson = new ByteSink()
  readonly alertsText = new ByteSink()
  readonly archivesJson = new ByteSink()
  readonly archivesText = new ByteSink()
  alerts: AlertInfo[] = []

  get byteLength(): number {
    return this.alertsJson.length + this.alertsText.length + this.archivesJson.length + this.archivesText.length
  }

  /** Hands over what has been written and begins anew. */
  take(): TakenOutput {
    const { alertsJson, alertsText, archivesJson, archivesText, alerts } = this.lend()
    return {
      alertsJson: Buffer.from(alertsJson),
      alertsText: Buffer.from(alertsText),
      archivesJson: Buffer.from(archivesJson),
      archivesText: Buffer.from(archivesText),
      alerts,
    }
  }

  /** The same without copies: the bytes are good until the next event is added. */
  lend(): TakenOutput {
    const { alerts } = this
    this.alerts = []
    return {
      alertsJson: this.alertsJson.lend(),
      alertsText: this.alertsText.lend(),
      archivesJson: this.archivesJson.lend(),
      archivesText: this.archivesText.lend(),
      alerts,
    }
  }
}
