import OTLP

/// The states of all alerts and the incidents that came of them. A value: what it does depends on what it is given alone.
package struct AlertMachine: Sendable, Equatable {
    /// Something that happened to an alert.
    package enum Transition: Sendable, Equatable {
        case fired(Alert.Key)
        /// A further step of a budget was reached.
        case escalated(Alert.Key)
        case ended(Alert)
    }

    /// Incidents that are kept: some 500 bytes each.
    package static let incidentsMax = 1_000
    /// How long an incident is kept after its end.
    package static let incidentAgeMax = 30 * AlertClock.day

    package internal(set) var alerts: [Alert.Key: Alert] = [:]
    /// From old to new.
    package internal(set) var incidents: [Incident] = []
    package internal(set) var lastIncident: UInt64 = 0

    package init() {}

    /// Brings all alerts up to what the rules came to.
    ///
    /// - Parameter rules: Those that the results speak of by their places. Alerts of other rules end.
    package mutating func apply(
        _ results: [RuleResult], of rules: [AlertRule], at now: UInt64
    ) -> [Transition] {
        var transitions: [Transition] = []
        let names = Set(rules.map(\.name))
        for alert in sortedAlerts where !names.contains(alert.key.rule) { end(alert, at: now, &transitions) }
        for result in results {
            guard case .measured(let measurements, let isWhole) = result.outcome else { continue }
            let rule = rules[result.rule]
            var seen: Set<AlertLabels> = []
            for measurement in measurements.sorted(by: { $0.group.text < $1.group.text }) {
                seen.insert(measurement.group)
                apply(measurement, of: rule, isWhole: isWhole, at: now, &transitions)
            }
            guard isWhole else { continue }
            for alert in sortedAlerts where alert.key.rule == rule.name && !seen.contains(alert.key.group) {
                lapse(alert, rule, value: nil, at: now, &transitions)
            }
        }
        forgetIncidents(at: now)
        return transitions
    }

    package var sortedAlerts: [Alert] {
        alerts.values.sorted {
            ($0.activeAt, $0.key.rule, $0.key.group.text) < ($1.activeAt, $1.key.rule, $1.key.group.text)
        }
    }

    /// Tells which traces show an alert, and where its query is.
    package mutating func setExamples(_ examples: [TraceID], queryURL: String, of key: Alert.Key) {
        guard let incident = alerts[key]?.incident else { return }
        alerts[key]?.examples = examples
        alerts[key]?.queryURL = queryURL
        if let place = incidents.lastIndex(where: { $0.id == incident }) {
            incidents[place].examples = examples
            incidents[place].queryURL = queryURL
        }
    }

    // MARK: transitions

    private mutating func apply(
        _ measurement: AlertMeasurement, of rule: AlertRule, isWhole: Bool, at now: UInt64,
        _ transitions: inout [Transition]
    ) {
        let key = Alert.Key(rule: rule.name, group: measurement.group)
        if let alert = alerts[key], alert.period != measurement.period { end(alert, at: now, &transitions) }
        guard measurement.isMet else {
            // Nothing is at an end for what a part of a window says.
            if isWhole, let alert = alerts[key] { lapse(alert, rule, value: measurement.value, at: now, &transitions) }
            return
        }
        var alert =
            alerts[key]
            ?? Alert(
                key: key, labels: AlertLabels(), at: now, value: measurement.value, threshold: rule.thresholdValue)
        let stepBefore = alert.step
        alert.update(rule, measurement)
        alert.lastMetAt = now
        if alert.state == .firing {
            alerts[key] = alert
            updateIncident(of: alert, rule)
            if let step = alert.step, step > stepBefore ?? -1 { transitions.append(.escalated(key)) }
        } else if now >= alert.activeAt, now - alert.activeAt >= rule.holdFor {
            fire(alert, at: now)
            transitions.append(.fired(key))
        } else {
            // The clock was set back.
            if now < alert.activeAt { alert.activeAt = now }
            alerts[key] = alert
        }
    }

    private mutating func fire(_ alert: Alert, at now: UInt64) {
        var alert = alert
        lastIncident += 1
        alert.state = .firing
        alert.firingAt = now
        alert.incident = lastIncident
        alerts[alert.key] = alert
        incidents.append(
            Incident(
                id: lastIncident, rule: alert.key.rule, fingerprint: alert.fingerprint, labels: alert.labels,
                severity: alert.severity, start: now, end: nil, peak: alert.value, value: alert.value,
                threshold: alert.threshold, summary: alert.annotations["summary"] ?? "",
                conditionText: alert.conditionText))
    }

    /// The condition does not hold.
    private mutating func lapse(
        _ alert: Alert, _ rule: AlertRule, value: Double?, at now: UInt64, _ transitions: inout [Transition]
    ) {
        guard alert.state == .firing else {
            alerts[alert.key] = nil
            return
        }
        if now >= alert.lastMetAt, now - alert.lastMetAt < rule.keepFiringFor { return }
        end(alert, at: now, &transitions)
    }

    private mutating func end(_ alert: Alert, at now: UInt64, _ transitions: inout [Transition]) {
        alerts[alert.key] = nil
        guard alert.state == .firing else { return }
        if let place = incidents.lastIndex(where: { $0.id == alert.incident }) {
            incidents[place].end = max(now, incidents[place].start)
        }
        transitions.append(.ended(alert))
    }

    private mutating func updateIncident(of alert: Alert, _ rule: AlertRule) {
        guard let place = incidents.lastIndex(where: { $0.id == alert.incident }) else { return }
        incidents[place].value = alert.value
        let isWorse = rule.looksForLess ? alert.value < incidents[place].peak : alert.value > incidents[place].peak
        if isWorse {
            incidents[place].peak = alert.value
            incidents[place].summary = alert.annotations["summary"] ?? ""
        }
    }

    private mutating func forgetIncidents(at now: UInt64) {
        incidents.removeAll { incident in
            guard let end = incident.end else { return false }
            return now > end && now - end > Self.incidentAgeMax
        }
        var over = incidents.count - Self.incidentsMax
        guard over > 0 else { return }
        // Those that last stay.
        incidents.removeAll { incident in
            guard over > 0, incident.end != nil else { return false }
            over -= 1
            return true
        }
    }
}

extension Alert {
    fileprivate mutating func update(_ rule: AlertRule, _ measurement: AlertMeasurement) {
        severity = rule.severity
        labels = rule.alertLabels(group: measurement.group)
        value = measurement.value
        baseline = measurement.baseline
        threshold = rule.thresholdValue
        period = measurement.period
        // A sum of a period does not fall, but for records that retention takes.
        step = measurement.step.map { max($0, step ?? 0) }
        conditionText = AlertText.condition(rule)
        valueText = AlertText.value(measurement.value, rule.metric.unit)
        if let before = measurement.baseline {
            valueText += ", \(AlertText.value(before, rule.metric.unit)) before"
        }
        if let budget = rule.budget, let step {
            stepText = AlertText.percent(budget.steps[min(step, budget.steps.count - 1)])
            valueText += ", \(AlertText.percent(measurement.value / budget.amount)) of the budget"
        }
        if let reason = measurement.reason { valueText = reason }
        var filled: [String: String] = [:]
        for (name, text) in rule.annotations {
            filled[name] = AlertText.expand(text, labels: labels, value: valueText)
        }
        if filled["summary"] == nil {
            let group = measurement.group.sorted.map(\.value).joined(separator: " ")
            filled["summary"] = "\(rule.name)\(group.isEmpty ? "" : ": \(group)") (\(valueText))"
        }
        annotations = filled
    }
}
