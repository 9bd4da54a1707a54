/// What happens to one file operation.
package enum Fault: String, CaseIterable, Sendable {
    case ioError
    case diskFull
    /// Half of the bytes are written and said to be.
    case shortWrite
    /// Half of the bytes are written, then the operation fails.
    case tornWrite
    case tornDiskFull
    /// The process is gone before the operation.
    case crashBefore
    /// Half of a write reaches the file before the process is gone; other operations are done whole.
    case crashWithin
    /// The process is gone after the operation was done and before it is told.
    case crashAfter

    package var isCrash: Bool { self == .crashBefore || self == .crashWithin || self == .crashAfter }
}
