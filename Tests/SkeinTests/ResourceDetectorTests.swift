import Foundation
import Skein
import Synchronization
import Testing

@Suite struct ResourceDetectorTests {
    private static let id = String(repeating: "0123456789abcdef", count: 4)
    private static let otherID = String(repeating: "fedcba9876543210", count: 4)

    /// A configuration on a machine of the given files and variables.
    private func configuration(
        _ variables: [String: String] = [:], files: [String: String] = [:], hostName: String? = "host-1"
    ) -> TracingConfiguration {
        TracingConfiguration(
            environment: { variables[$0] },
            source: DetectionSource(
                variable: { variables[$0] }, file: { files[$0].map { Array($0.utf8) } }, hostName: hostName))
    }

    private func resource(
        _ variables: [String: String] = [:], files: [String: String] = [:], hostName: String? = "host-1"
    ) -> Resource {
        configuration(variables, files: files, hostName: hostName).resource
    }

    @Test func machineWithoutFilesStillHasAResource() {
        let resource = resource(hostName: nil)
        for key in ["service.name", "service.instance.id", "telemetry.sdk.version", "process.pid", "os.type"] {
            #expect(resource[key] != nil, "\(key)")
        }
        for key in ["host.name", "host.id", "os.version", "container.id", "k8s.pod.name", "process.owner"] {
            #expect(resource[key] == nil, "\(key)")
        }
    }

    @Test func processIsDescribedWithoutItsArguments() {
        let resource = Resource.detected(by: [.process])
        #expect(resource["process.runtime.name"] == .string("swift"))
        guard case .string(let path) = resource["process.executable.path"] else {
            Issue.record("no path")
            return
        }
        #expect(path.hasPrefix("/"))
        #expect(!resource.attributes.contains { $0.key.hasPrefix("process.command") })
    }

    @Test func ownerComesFromThePasswordFile() {
        let files = ["/etc/passwd": "other:x:4294967294:1::/:\nbroken\n:x:\(geteuid()):\nagent:x:\(geteuid()):0:::\n"]
        #expect(resource(files: files)["process.owner"] == .string("agent"))
    }

    @Test func operatingSystemComesFromItsReleaseFile() {
        let text = """
            # comment=1
            PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
            NAME='Debian GNU/Linux'
            VERSION_ID=12
            EMPTY=
            """
        let resource = resource(files: ["/etc/os-release": text])
        #expect(resource["os.description"] == .string("Debian GNU/Linux 12 (bookworm)"))
        #expect(resource["os.name"] == .string("Debian GNU/Linux"))
        #expect(resource["os.version"] == .string("12"))
        #expect(self.resource(files: ["/usr/lib/os-release": text])["os.version"] == .string("12"))
    }

    @Test(arguments: [
        ("0123456789abcdef0123456789abcdef\n", true), ("uninitialized\n", false), ("", false), ("\n", false),
        ("0123456789ABCDEF0123456789ABCDEF\n", false), ("0123456789abcdef\n", false),
    ])
    func hostIDIsTheMachinesIfItHasOne(_ text: String, _ isID: Bool) {
        let expected: AttributeValue? = isID ? .string("0123456789abcdef0123456789abcdef") : nil
        #expect(resource(files: ["/etc/machine-id": text])["host.id"] == expected)
        #expect(resource(files: ["/var/lib/dbus/machine-id": text])["host.id"] == expected)
    }

    @Test(arguments: [
        "12:pids:/docker/ID",
        "1:name=systemd:/kubepods/burstable/pod6f1c9f7e-0d0e-4a4f-9f2c-2b0f6b0f5c11/ID",
        "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-ID.scope",
        "0::/system.slice/docker-ID.scope",
        "4:cpu:/kubepods.slice/crio-ID.scope",
        "0::/machine.slice/libpod-ID.scope",
        "11:memory:/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:ID",
    ])
    func containerIsFoundInControlGroups(_ line: String) {
        let text = "13:rdma:/\n\(line.replacing("ID", with: Self.id))\n"
        #expect(resource(files: ["/proc/self/cgroup": text])["container.id"] == .string(Self.id))
    }

    @Test(arguments: [
        "473 456 254:1 /docker/containers/ID/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw",
        "473 456 254:1 /var/lib/docker/containers/ID/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda1 rw",
        "1 2 0:1 /containers/storage/overlay-containers/ID/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw",
    ])
    func containerIsFoundInMountsWhereControlGroupsSayNothing(_ line: String) {
        let mounts = "22 27 0:21 / /proc rw - proc proc rw\n\(line.replacing("ID", with: Self.id))\n"
        let files = ["/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": mounts]
        #expect(resource(files: files)["container.id"] == .string(Self.id))
    }

    @Test func controlGroupsWinOverMounts() {
        let files = [
            "/proc/self/cgroup": "1:cpu:/docker/\(Self.id)",
            "/proc/self/mountinfo": "1 2 0:1 /containers/\(Self.otherID)/hostname /etc/hostname rw - x y rw",
        ]
        #expect(resource(files: files)["container.id"] == .string(Self.id))
    }

    @Test(arguments: [
        // The pod's sandbox is another container.
        "1 2 0:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/ID/hostname /etc/hostname rw - x y rw",
        // Mounts of other containers that a node's agent sees.
        "1 2 0:1 /var/lib/docker/containers/ID/hostname /host/etc/hostname rw - x y rw",
        "1 2 0:1 /var/lib/docker/containers/0123/hostname /etc/hostname rw - x y rw",
        "short line", "", "1 2 0:1 / /etc/hostname",
    ])
    func otherMountsAreNoContainer(_ line: String) {
        let files = [
            "/proc/self/mountinfo": line.replacing("ID", with: Self.id), "/proc/self/cgroup": "0::/\nx\n::\n/",
        ]
        #expect(resource(files: files)["container.id"] == nil)
    }

    @Test func kubernetesComesFromTheDownwardAPI() {
        let resource = resource([
            "K8S_POD_NAME": "gateway-1", "K8S_POD_UID": "u-1", "K8S_NAMESPACE_NAME": "agents", "K8S_NODE_NAME": "n1",
            "K8S_CONTAINER_NAME": "main", "K8S_DEPLOYMENT_NAME": "gateway", "K8S_CLUSTER_NAME": " eu ",
        ])
        let expected = [
            "pod.name": "gateway-1", "pod.uid": "u-1", "namespace.name": "agents", "node.name": "n1",
            "container.name": "main", "deployment.name": "gateway", "cluster.name": "eu",
        ]
        for (key, value) in expected { #expect(resource["k8s.\(key)"] == .string(value), "\(key)") }
    }

    @Test func plainVariablesCountInsideAClusterOnly() {
        let plain = ["POD_NAME": "p", "POD_NAMESPACE": "ns", "NODE_NAME": "n", "POD_UID": "u", "CONTAINER_NAME": "c"]
        #expect(!resource(plain).attributes.contains { $0.key.hasPrefix("k8s.") })
        let inside = resource(plain.merging(["KUBERNETES_SERVICE_HOST": "10.0.0.1", "K8S_POD_NAME": "own"]) { $1 })
        #expect(inside["k8s.pod.name"] == .string("own") && inside["k8s.namespace.name"] == .string("ns"))
        #expect(inside["k8s.node.name"] == .string("n") && inside["k8s.pod.uid"] == .string("u"))
        #expect(inside["k8s.container.name"] == .string("c"))
    }

    @Test func clusterWithoutTheDownwardAPIStillNamesPodAndNamespace() {
        let files = ["/var/run/secrets/kubernetes.io/serviceaccount/namespace": "agents\n"]
        let variables = ["KUBERNETES_SERVICE_HOST": "10.0.0.1"]
        let inside = resource(variables, files: files)
        #expect(inside["k8s.namespace.name"] == .string("agents") && inside["k8s.pod.name"] == .string("host-1"))
        let named = resource(variables.merging(["HOSTNAME": "pod-9"]) { $1 })
        #expect(named["k8s.pod.name"] == .string("pod-9") && named["k8s.namespace.name"] == nil)
        #expect(resource(files: files)["k8s.namespace.name"] == nil)
    }

    @Test func hugeFilesAndValuesAreBounded() {
        let huge = String(repeating: "x", count: 5_000_000)
        let resource = resource(
            ["K8S_POD_NAME": huge], files: ["/proc/self/cgroup": huge, "/etc/os-release": "NAME=\(huge)"])
        for (key, value) in resource.attributes {
            if case .string(let text) = value { #expect(text.count <= 4_096, "\(key)") }
        }
    }

    @Test func environmentWinsOverDetectionAndTheServiceNameOverAll() {
        let resource = resource(
            [
                "OTEL_RESOURCE_ATTRIBUTES": "host.name=mine,k8s.pod.name=q,service.name=a,service.instance.id=i",
                "OTEL_SERVICE_NAME": "b", "K8S_POD_NAME": "p",
            ])
        #expect(resource["host.name"] == .string("mine") && resource["k8s.pod.name"] == .string("q"))
        #expect(resource["service.name"] == .string("b") && resource["service.instance.id"] == .string("i"))
    }

    @Test func detectorsAreChosenInCode() {
        var configuration = configuration(["OTEL_RESOURCE_ATTRIBUTES": "team=a,host.name=mine"])
        let own = ResourceDetector(name: "own") {
            var resource = Resource()
            resource["cloud.region"] = .string("eu")
            resource["host.name"] = .string("detected")
            return resource
        }
        configuration.detectResource(with: [.host, own])
        let resource = configuration.resource
        #expect(resource["cloud.region"] == .string("eu") && resource["team"] == .string("a"))
        #expect(resource["host.name"] == .string("mine"), "the environment wins")
        #expect(resource["process.pid"] == nil && resource["host.arch"] != nil)
        #expect(resource["service.name"] != nil && resource["telemetry.sdk.name"] == .string("skein"))
    }

    @Test(arguments: [
        ("none", [], 0), ("host", ["host."], 0), ("Host, OS", ["host.", "os."], 0),
        ("all", ["host.", "os.", "process."], 0),
        ("*", ["host.", "os.", "process."], 0), ("otel", [], 0), ("host,azure", ["host."], 1), ("azure", [], 1),
    ])
    func detectorsAreChosenInTheEnvironment(_ list: String, _ prefixes: [String], _ problems: Int) {
        let configuration = configuration(["OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": list])
        #expect(configuration.problems.count == problems)
        for prefix in ["host.", "os.", "process."] {
            let isThere = configuration.resource.attributes.contains { $0.key.hasPrefix(prefix) }
            #expect(isThere == prefixes.contains(prefix), "\(prefix)")
        }
        #expect(configuration.resource["service.name"] != nil)
    }

    @Test func filesAreReadOnceEach() {
        let opened = Mutex<[String]>([])
        _ = TracingConfiguration(
            environment: { _ in nil },
            source: DetectionSource(
                variable: { _ in nil },
                file: { path in
                    opened.withLock { $0.append(path) }
                    return Array("NAME=x".utf8)
                }, hostName: nil))
        let paths = opened.withLock { $0 }
        #expect(Set(paths).count == paths.count && paths.contains("/proc/self/cgroup"))
    }
}
