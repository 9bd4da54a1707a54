/// Attributes of a resource that say where it runs.
///
/// Version: semantic conventions 1.40.
public enum ProcessAttributes {
    /// The host as it calls itself.
    public static let hostName = AttributeKey<String>("host.name")
    /// The processor: `amd64`, `arm64` and the like.
    public static let hostArch = AttributeKey<String>("host.arch")
    /// A number that the machine keeps.
    public static let hostID = AttributeKey<String>("host.id")
    /// `linux` or `darwin`.
    public static let osType = AttributeKey<String>("os.type")
    /// The name of the operating system.
    public static let osName = AttributeKey<String>("os.name")
    /// Its version.
    public static let osVersion = AttributeKey<String>("os.version")
    /// Name and version for people.
    public static let osDescription = AttributeKey<String>("os.description")
    /// The process id.
    public static let processPID = AttributeKey<Int>("process.pid")
    /// The file name of the executable.
    public static let processExecutableName = AttributeKey<String>("process.executable.name")
    /// The whole path of the executable.
    public static let processExecutablePath = AttributeKey<String>("process.executable.path")
    /// The name of the user that the process runs as.
    public static let processOwner = AttributeKey<String>("process.owner")
    /// The runtime of the language.
    public static let processRuntimeName = AttributeKey<String>("process.runtime.name")
    /// Its version.
    public static let processRuntimeVersion = AttributeKey<String>("process.runtime.version")
    /// Name and version for people.
    public static let processRuntimeDescription = AttributeKey<String>("process.runtime.description")
}
