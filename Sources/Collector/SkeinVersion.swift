/// The version of this collector.
package enum SkeinVersion {
    package static let current = "0.1.0"
}
