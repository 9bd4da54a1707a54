/// Where batches wait on disk while the receiver cannot be reached and the queue in memory is full.
public struct SpillOptions: Sendable, Equatable {
    /// The directory, which belongs to one process at a time; it is made where it is missing. What an earlier process
    /// left there is sent when the queue has nothing urgent. Of several exporters the OTLP one has it, or else the first
    /// of your own; the others have a directory `exporter-{place in the list}` each in it.
    public var directory: String
    /// The most that the files may take, in bytes; further batches are refused, and their spans dropped and counted.
    public var bytesMax: Int

    /// 256 MiB by default: half a million spans of 500 bytes, and a size that a container's disk can spare.
    public init(directory: String, bytesMax: Int = 256 << 20) {
        self.directory = directory
        self.bytesMax = bytesMax
    }
}
