/** Whole lines for the four files, as the correlator writes them; the caller takes the bytes away and puts them on disk. */
import { ByteText } from './byte-text.ts'

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

/** Bytes that are handed over from time to time. */
export class ByteSink extends ByteText {
  take(): Buffer {
    return Buffer.from(this.lend())
  }

  /** What has been written, without a copy: good until something is written again. */
  lend(): Buffer {
    const lent = this.bytes.subarray(0, this.byteLength)
    this.byteLength = 0
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
    return (
      this.alertsJson.byteLength +
      this.alertsText.byteLength +
      this.archivesJson.byteLength +
      this.archivesText.byteLength
    )
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
