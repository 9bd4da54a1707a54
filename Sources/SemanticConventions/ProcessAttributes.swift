/// Attributes of a resource that say where it runs.
///
/// Version: semantic conventions 1.40.
public enum ProcessAttributes {
    /// The host as it calls itself.
    public static let hostName = AttributeKey<String>("host.name")
    /// The processor: `amd64`, `arm64` and the like.
    public static let hostArch = AttributeKey<String>("host.arch")
    /// `linux` or `darwin`.
    public static let osType = AttributeKey<String>("os.type")
    /// The process id.
    public static let processPID = AttributeKey<Int>("process.pid")
    /// The file name of the executable.
    public static let processExecutableName = AttributeKey<String>("process.executable.name")
    /// The runtime of the language.
    public static let processRuntimeName = AttributeKey<String>("process.runtime.name")
}
