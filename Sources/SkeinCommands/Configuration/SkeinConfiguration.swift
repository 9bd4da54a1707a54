import Alerting
import Collector
import Foundation
import QueryAPI

/// The configuration as a whole.
package struct SkeinConfiguration: Sendable {
    package var collector: CollectorConfiguration
    package var query: QueryConfiguration
    /// What deserves a word and is no error.
    package var warnings: [String] = []

    /// Reads a file and settings from the command line, later ones winning.
    ///
    /// - Throws: ``CommandFailure`` with exit status 2 and every mistake on a line of its own.
    package init(file: String?, settings: [String], environment: [String: String]) throws(CommandFailure) {
        do throws(ConfigurationError) {
            var document = try Self.document(file: file, environment: environment)
            for setting in settings { try document.set(setting, environment: environment) }
            let issues = ConfigurationSection.Issues()
            let root = ConfigurationSection(document.root, issues: issues)
            let ports = PortsConfiguration(root.section("ports"))
            collector = CollectorConfiguration(root, ports: ports)
            query = QueryConfiguration(root.section("query"), ports: ports)
            root.end()
            collector.alerts.calendar = AlertCalendar(query.timeZone)
            // Where the listener is told to be reached; a port that the system chooses is not known yet.
            if collector.alerts.externalURL == nil { collector.alerts.externalURL = "http://\(query.endpoint)" }
            guard issues.all.isEmpty else { throw ConfigurationError(issues.all) }
            warnings = document.warnings
        } catch {
            throw .usage("configuration is not valid\n\(error)")
        }
    }

    private static func document(
        file: String?, environment: [String: String]
    ) throws(ConfigurationError) -> ConfigurationDocument {
        guard let file else { return ConfigurationDocument() }
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            let reason = (error as NSError).localizedDescription
            let place = ConfigurationPlace(source: file)
            throw ConfigurationError([.init(place: place, key: "", message: "cannot be read: \(reason)")])
        }
        return try ConfigurationDocument(yaml: text, source: file, environment: environment)
    }
}
