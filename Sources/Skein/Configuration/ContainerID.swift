/// The id of the container a process runs in.
enum ContainerID {
    /// The last part of a line's path: `…/docker/{id}`, `…/cri-containerd-{id}.scope` and the like.
    static func inControlGroups(_ text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) {
            guard var name = line.split(separator: "/").last, line.contains("/") else { continue }
            if name.hasSuffix(".scope") { name = name.dropLast(".scope".count) }
            // The runtime's name stands before the id; an id itself has no dash.
            if let dash = name.lastIndex(of: "-") { name = name[name.index(after: dash)...] }
            if let colon = name.lastIndex(of: ":") { name = name[name.index(after: colon)...] }
            if isID(name) { return String(name) }
        }
        return nil
    }

    /// Runtimes mount files such as `/etc/hostname` from a directory that is named after the container:
    /// `…/containers/{id}/…`. Directories of sandboxes belong to the pod.
    static func inMounts(_ text: String) -> String? {
        let files = ["/etc/hostname", "/etc/resolv.conf", "/etc/hosts"]
        for line in text.split(whereSeparator: \.isNewline) {
            // Id, parent, device, root of the mount, mount point.
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count > 4, files.contains(String(fields[4])) else { continue }
            let parts = fields[3].split(separator: "/")
            for (directory, name) in zip(parts, parts.dropFirst())
            where ["containers", "overlay-containers"].contains(directory) && isID(name) {
                return String(name)
            }
        }
        return nil
    }

    private static func isID(_ text: Substring) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy(\.isLowercaseHexDigit)
    }
}

extension UInt8 {
    /// One of `0` to `9` and `a` to `f`.
    var isLowercaseHexDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }
}
