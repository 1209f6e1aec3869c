/**
 * The few system calls that Node does not offer, through koffi: fanotify, inotify, poll. In go numbers and buffers, out
 * come numbers; a failing call throws KernelError with its name and errno. Loading can fail (no binary for this
 * platform): then `loadKernel` throws, and callers do without.
 */
import koffi from 'koffi'
import { bytesOf } from '../bytes.ts'

/** A system call failed. */
export class KernelError extends Error {
  readonly call: string
  /** As `ENOSPC`. */
  readonly code: string
  constructor(call: string, errno: number) {
    const code = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`
    super(`${call}: ${code}`)
    this.name = 'KernelError'
    this.call = call
    this.code = code
  }
}

/** A C string of a byte text. */
export function cString(path: string): Buffer {
  return Buffer.concat([bytesOf(path), Buffer.alloc(1)])
}

export interface Kernel {
  fanotifyInit(flags: number, eventFlags: number): number
  fanotifyMark(fd: number, flags: number, mask: number, path: string): void
  openByHandle(mountFd: number, handle: Buffer, flags: number): number
  inotifyInit(flags: number): number
  inotifyAdd(fd: number, path: string, mask: number): number
  inotifyRemove(fd: number, watch: number): void
  /** Bytes read into the buffer; 0 when there are none now. */
  read(fd: number, into: Buffer): number
  /** Waits, on a thread of the pool, until `fd` can be read, `close` is called, or a second has passed. */
  waiter(fd: number): Waiter
}

export interface Waiter {
  /** true: there may be something to read. */
  wait(): Promise<boolean>
  /** Wakes a wait; the file descriptor itself is closed once no wait is under way. */
  close(): Promise<void>
}

const pollIn = 1
const pollTimeoutMs = 1000
const eventfdFlags = 0o2004000

let loaded: Kernel | null = null

/** The calls. Throws where koffi has no binary for this platform. */
export function loadKernel(): Kernel {
  loaded ??= bind()
  return loaded
}

function bind(): Kernel {
  const lib = koffi.load(null)
  const fanotifyInit = lib.func('int fanotify_init(unsigned int flags, unsigned int event_flags)')
  const fanotifyMark = lib.func('int fanotify_mark(int fd, unsigned int flags, uint64_t mask, int dir, void *path)')
  const openByHandle = lib.func('int open_by_handle_at(int mount, void *handle, int flags)')
  const inotifyInit = lib.func('int inotify_init1(int flags)')
  const inotifyAdd = lib.func('int inotify_add_watch(int fd, void *path, uint32_t mask)')
  const inotifyRemove = lib.func('int inotify_rm_watch(int fd, int watch)')
  const read = lib.func('int64_t read(int fd, void *into, size_t length)')
  const write = lib.func('int64_t write(int fd, void *from, size_t length)')
  const poll = lib.func('int poll(void *fds, unsigned long count, int timeout)')
  const eventfd = lib.func('int eventfd(unsigned int value, int flags)')
  const close = lib.func('int close(int fd)')
  const checked = (call: string, result: unknown): number => {
    const value = Number(result)
    if (value < 0) throw new KernelError(call, koffi.errno())
    return value
  }
  return {
    fanotifyInit: (flags, eventFlags) => checked('fanotify_init', fanotifyInit(flags, eventFlags)),
    fanotifyMark: (fd, flags, mask, path) => {
      checked('fanotify_mark', fanotifyMark(fd, flags, mask, atFdCwd, cString(path)))
    },
    openByHandle: (mountFd, handle, flags) => checked('open_by_handle_at', openByHandle(mountFd, handle, flags)),
    inotifyInit: (flags) => checked('inotify_init1', inotifyInit(flags)),
    inotifyAdd: (fd, path, mask) => checked('inotify_add_watch', inotifyAdd(fd, cString(path), mask)),
    inotifyRemove: (fd, watch) => {
      inotifyRemove(fd, watch)
    },
    read: (fd, into) => {
      const length = Number(read(fd, into, into.length))
      if (length >= 0) return length
      const errno = koffi.errno()
      if (errno === koffi.os.errno.EAGAIN || errno === koffi.os.errno.EINTR) return 0
      throw new KernelError('read', errno)
    },
    waiter: (fd) => {
      const wake = checked('eventfd', eventfd(0, eventfdFlags))
      const fds = Buffer.alloc(16)
      fds.writeInt32LE(fd, 0)
      fds.writeInt16LE(pollIn, 4)
      fds.writeInt32LE(wake, 8)
      fds.writeInt16LE(pollIn, 12)
      let waiting: Promise<unknown> = Promise.resolve()
      return {
        wait: () => {
          const waited = new Promise<boolean>((resolve, reject) => {
            poll.async(fds, 2, pollTimeoutMs, (error: unknown) => {
              if (error) reject(error)
              else resolve(fds.readInt16LE(6) !== 0)
            })
          })
          waiting = waited.catch(() => {})
          return waited
        },
        close: async () => {
          const one = Buffer.alloc(8)
          one.writeUInt8(1, 0)
          write(wake, one, 8)
          await waiting
          close(wake)
          close(fd)
        },
      }
    },
  }
}

const atFdCwd = -100
