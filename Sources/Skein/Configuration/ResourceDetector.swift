import SemanticConventions

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Finds out one aspect of where a process runs, from files and variables alone: no other process is started and
/// nothing is asked over a network.
///
/// ```swift
/// configuration.detectResource(with: [.host, .process])
/// ```
public struct ResourceDetector: Sendable {
    /// What it is called in `OTEL_EXPERIMENTAL_RESOURCE_DETECTORS`.
    public let name: String
    let detect: @Sendable (DetectionSource, inout Resource) -> Void

    init(_ name: String, _ detect: @escaping @Sendable (DetectionSource, inout Resource) -> Void) {
        self.name = name
        self.detect = detect
    }

    /// A detector of one's own. `detect` is called whenever a configuration is made, so it should be quick.
    public init(name: String, detect: @escaping @Sendable () -> Resource) {
        self.init(name) { _, resource in
            for (key, value) in detect().attributes { resource[key] = value }
        }
    }

    /// `host.name`, `host.arch` and, where `/etc/machine-id` has it, `host.id`.
    public static let host = ResourceDetector("host") { source, resource in
        resource.set(ProcessAttributes.hostName, source.hostName)
        resource.set(ProcessAttributes.hostArch, HostFacts.architecture)
        for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
            guard let id = source.line(path), id.utf8.count == 32, id.utf8.allSatisfy(\.isLowercaseHexDigit) else {
                continue
            }
            resource.set(ProcessAttributes.hostID, id)
            break
        }
    }

    /// `os.type`, and from `/etc/os-release` `os.name`, `os.version` and `os.description`.
    public static let os = ResourceDetector("os") { source, resource in
        resource.set(ProcessAttributes.osType, HostFacts.osType)
        let text = source.text("/etc/os-release") ?? source.text("/usr/lib/os-release") ?? ""
        let release = OSRelease(text)
        resource.set(ProcessAttributes.osName, release["NAME"])
        resource.set(ProcessAttributes.osVersion, release["VERSION_ID"])
        resource.set(ProcessAttributes.osDescription, release["PRETTY_NAME"])
    }

    /// `process.pid`, the executable's name and path, the owner's name and the runtime. The command's arguments are left
    /// out: they may hold secrets.
    public static let process = ResourceDetector("process") { source, resource in
        resource[ProcessAttributes.processPID.name] = .int(Int64(getpid()))
        resource.set(ProcessAttributes.processExecutableName, HostFacts.executableName)
        resource.set(ProcessAttributes.processExecutablePath, HostFacts.executablePath)
        // Not through the system's directory of users, which may be asked over a network.
        resource.set(ProcessAttributes.processOwner, PasswordFile.name(of: geteuid(), in: source.text("/etc/passwd")))
        resource.set(ProcessAttributes.processRuntimeName, "swift")
        resource.set(ProcessAttributes.processRuntimeVersion, HostFacts.compilerVersion)
        resource.set(ProcessAttributes.processRuntimeDescription, HostFacts.compilerVersion.map { "Swift \($0)" })
    }

    /// `container.id`, from the control groups (version 1) or the mounts (version 2) of the process.
    public static let container = ResourceDetector("container") { source, resource in
        let id =
            source.text("/proc/self/cgroup").flatMap(ContainerID.inControlGroups)
            ?? source.text("/proc/self/mountinfo").flatMap(ContainerID.inMounts)
        resource.set(ContainerAttributes.containerID, id)
    }

    /// `k8s.*`, from variables that a pod's manifest fills through the downward API: `K8S_POD_NAME`, `K8S_POD_UID`,
    /// `K8S_NAMESPACE_NAME`, `K8S_NODE_NAME`, `K8S_CONTAINER_NAME`, `K8S_DEPLOYMENT_NAME`, `K8S_CLUSTER_NAME`.
    ///
    /// Inside a cluster `POD_NAME`, `POD_UID`, `POD_NAMESPACE`, `NODE_NAME` and `CONTAINER_NAME` are read as well, then
    /// the namespace of the service account, and the host's name as the pod's (which is wrong on the host's network).
    public static let kubernetes = ResourceDetector("kubernetes") { source, resource in
        let isInside = source.value("KUBERNETES_SERVICE_HOST") != nil
        for (key, name, plainName) in KubernetesVariables.all {
            resource.set(key, source.value(name) ?? (isInside ? plainName.flatMap(source.value) : nil))
        }
        guard isInside else { return }
        if resource[KubernetesAttributes.namespaceName.name] == nil {
            resource.set(KubernetesAttributes.namespaceName, source.line(KubernetesVariables.namespaceFile))
        }
        if resource[KubernetesAttributes.podName.name] == nil {
            resource.set(KubernetesAttributes.podName, source.value("HOSTNAME") ?? source.hostName)
        }
    }

    /// All of them: the default.
    public static let all: [ResourceDetector] = [.process, .host, .os, .container, .kubernetes]
}

extension Resource {
    /// What the detectors find out, and what is always there: the SDK, a fresh `service.instance.id`, and a
    /// `service.name` for want of a better one. Of several detectors that set a key the last wins.
    public static func detected(by detectors: [ResourceDetector] = ResourceDetector.all) -> Resource {
        detected(by: detectors, from: .process)
    }

    static func detected(by detectors: [ResourceDetector], from source: DetectionSource) -> Resource {
        var resource = Resource()
        resource.set(
            ServiceAttributes.serviceName, HostFacts.executableName.map { "unknown_service:\($0)" } ?? "unknown_service"
        )
        let instance = HostFacts.randomUUID()
        resource.madeUpInstanceID = instance
        resource.set(ServiceAttributes.serviceInstanceID, instance)
        resource.set(ServiceAttributes.telemetrySDKName, "skein")
        resource.set(ServiceAttributes.telemetrySDKLanguage, "swift")
        resource.set(ServiceAttributes.telemetrySDKVersion, SkeinVersion.current)
        for detector in detectors { detector.detect(source, &resource) }
        return resource
    }

    /// Nil leaves what is there.
    fileprivate mutating func set(_ key: AttributeKey<String>, _ value: String?) {
        if let value { self[key.name] = .string(value) }
    }
}

private enum KubernetesVariables {
    static let namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

    /// A key, the variable for it, and one without prefix that is trusted inside a cluster only.
    static let all: [(AttributeKey<String>, String, String?)] = [
        (KubernetesAttributes.podName, "K8S_POD_NAME", "POD_NAME"),
        (KubernetesAttributes.podUID, "K8S_POD_UID", "POD_UID"),
        (KubernetesAttributes.namespaceName, "K8S_NAMESPACE_NAME", "POD_NAMESPACE"),
        (KubernetesAttributes.nodeName, "K8S_NODE_NAME", "NODE_NAME"),
        (KubernetesAttributes.containerName, "K8S_CONTAINER_NAME", "CONTAINER_NAME"),
        (KubernetesAttributes.deploymentName, "K8S_DEPLOYMENT_NAME", nil),
        (KubernetesAttributes.clusterName, "K8S_CLUSTER_NAME", nil),
    ]
}
