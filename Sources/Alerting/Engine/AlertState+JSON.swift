import OTLP

extension AlertState {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.array("alerts") { json in
                for alert in machine.sortedAlerts { alert.write(to: &json) }
            }
            json.int64String("lastIncident", machine.lastIncident)
            json.array("incidents") { json in
                for incident in machine.incidents { incident.write(to: &json) }
            }
            json.int64String("lastNotice", plan.lastID)
            json.array("groups") { json in
                for (id, group) in plan.groups.sorted(by: { $0.key.sortText < $1.key.sortText }) {
                    Self.write(id, group, to: &json)
                }
            }
            json.array("quiet") { json in
                for (key, until) in plan.quiet {
                    json.object { json in
                        json.string("notifier", key.notifier)
                        key.alert.write(to: &json)
                        json.int64String("until", until)
                    }
                }
            }
            json.array("queues") { json in
                for (notifier, queue) in queues.sorted(by: { $0.key < $1.key }) where !queue.isEmpty {
                    json.object { json in
                        json.string("notifier", notifier)
                        json.array("notices") { json in
                            for queued in queue { queued.write(to: &json) }
                        }
                    }
                }
            }
        }
    }

    private static func write(_ id: NoticePlan.GroupID, _ group: NoticePlan.Group, to json: inout JSONWriter) {
        json.object { json in
            json.string("notifier", id.notifier)
            json.texts("labels", id.labels.values)
            json.int64String("nextFlush", group.nextFlush)
            json.int64String("lastSent", group.lastSent)
            json.array("told") { json in
                for told in group.told.values.sorted(by: { $0.alert.key.group.text < $1.alert.key.group.text }) {
                    json.object { json in
                        json.key("alert")
                        told.alert.write(to: &json)
                        json.time("end", told.end)
                    }
                }
            }
        }
    }

    init(_ tree: JSONTree) {
        self.init()
        for alert in tree["alerts"].elements.compactMap(Alert.init) { machine.alerts[alert.key] = alert }
        machine.lastIncident = tree["lastIncident"].unsigned ?? 0
        machine.incidents = tree["incidents"].elements.compactMap(Incident.init)
        plan.lastID = tree["lastNotice"].unsigned ?? 0
        for element in tree["groups"].elements {
            guard let notifier = element["notifier"].text, let nextFlush = element["nextFlush"].unsigned else {
                continue
            }
            var group = NoticePlan.Group(nextFlush: nextFlush, lastSent: element["lastSent"].unsigned ?? 0)
            for told in element["told"].elements {
                guard let alert = Alert(told["alert"]) else { continue }
                group.told[alert.key] = NoticePlan.Told(alert: alert, end: told["end"].unsigned)
            }
            plan.groups[.init(notifier: notifier, labels: AlertLabels(element["labels"].texts))] = group
        }
        for element in tree["quiet"].elements {
            guard let notifier = element["notifier"].text, let key = Alert.Key(element),
                let until = element["until"].unsigned
            else { continue }
            plan.quiet[.init(notifier: notifier, alert: key)] = until
        }
        for element in tree["queues"].elements {
            guard let notifier = element["notifier"].text else { continue }
            queues[notifier] = element["notices"].elements.compactMap(QueuedNotice.init)
        }
    }
}

extension NoticePlan.GroupID {
    fileprivate var sortText: String { notifier + "\u{0}" + labels.text }
}

extension JSONWriter {

    fileprivate mutating func time(_ key: StaticString, _ time: UInt64?) {
        if let time { int64String(key, time) }
    }

    fileprivate mutating func traces(_ ids: [TraceID]) {
        array("examples") { json in
            for id in ids { json.traceID(id) }
        }
    }
}

extension JSONTree {
    fileprivate var traces: [TraceID] { self["examples"].elements.compactMap { $0.text.flatMap { TraceID(hex: $0) } } }
}

extension Alert.Key {
    /// Members of an object.
    fileprivate func write(to json: inout JSONWriter) {
        json.string("rule", rule)
        json.texts("group", group.values)
    }

    fileprivate init?(_ tree: JSONTree) {
        guard let rule = tree["rule"].text else { return nil }
        self.init(rule: rule, group: AlertLabels(tree["group"].texts))
    }
}

extension Alert {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            key.write(to: &json)
            json.texts("labels", labels.values)
            json.texts("annotations", annotations)
            json.string("severity", severity.rawValue)
            json.string("state", state.rawValue)
            json.int64String("activeAt", activeAt)
            json.time("firingAt", firingAt)
            json.int64String("lastMetAt", lastMetAt)
            json.double("value", value)
            if let baseline { json.double("baseline", baseline) }
            json.double("threshold", threshold)
            json.string("valueText", valueText)
            json.string("conditionText", conditionText)
            if let step { json.int("step", step) }
            if let stepText { json.string("stepText", stepText) }
            json.time("period", period)
            json.int64String("incident", incident)
            json.traces(examples)
            json.string("queryURL", queryURL)
        }
    }

    fileprivate init?(_ tree: JSONTree) {
        guard let key = Key(tree), let activeAt = tree["activeAt"].unsigned,
            let state = tree["state"].text.flatMap(State.init), let value = tree["value"].double
        else { return nil }
        self.init(
            key: key, labels: AlertLabels(tree["labels"].texts), at: activeAt, value: value,
            threshold: tree["threshold"].double ?? 0)
        annotations = tree["annotations"].texts
        severity = tree["severity"].text.flatMap(AlertSeverity.init) ?? .warning
        self.state = state
        firingAt = tree["firingAt"].unsigned
        lastMetAt = tree["lastMetAt"].unsigned ?? activeAt
        baseline = tree["baseline"].double
        valueText = tree["valueText"].text ?? ""
        conditionText = tree["conditionText"].text ?? ""
        step = tree["step"].integer
        stepText = tree["stepText"].text
        period = tree["period"].unsigned
        incident = tree["incident"].unsigned ?? 0
        examples = tree.traces
        queryURL = tree["queryURL"].text ?? ""
    }
}

extension Incident {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.int64String("id", id)
            json.string("rule", rule)
            json.string("fingerprint", fingerprint)
            json.texts("labels", labels.values)
            json.string("severity", severity.rawValue)
            json.int64String("start", start)
            json.time("end", end)
            json.double("peak", peak)
            json.double("value", value)
            json.double("threshold", threshold)
            json.string("summary", summary)
            json.string("conditionText", conditionText)
            json.traces(examples)
            json.string("queryURL", queryURL)
        }
    }

    fileprivate init?(_ tree: JSONTree) {
        guard let id = tree["id"].unsigned, let rule = tree["rule"].text, let start = tree["start"].unsigned else {
            return nil
        }
        self.init(
            id: id, rule: rule, fingerprint: tree["fingerprint"].text ?? "", labels: AlertLabels(tree["labels"].texts),
            severity: tree["severity"].text.flatMap(AlertSeverity.init) ?? .warning, start: start,
            end: tree["end"].unsigned, peak: tree["peak"].double ?? 0, value: tree["value"].double ?? 0,
            threshold: tree["threshold"].double ?? 0, summary: tree["summary"].text ?? "",
            conditionText: tree["conditionText"].text ?? "", examples: tree.traces,
            queryURL: tree["queryURL"].text ?? "")
    }
}

extension QueuedNotice {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.int64String("id", notice.id)
            json.string("notifier", notice.notifier)
            json.texts("groupLabels", notice.groupLabels.values)
            json.int("truncated", notice.truncated)
            json.int64String("createdAt", notice.createdAt)
            json.int("attempts", attempts)
            json.time("firstAttempt", firstAttempt)
            json.int64String("nextAttempt", nextAttempt)
            json.string("lastError", lastError)
            json.array("entries") { json in
                for entry in notice.entries { entry.write(to: &json) }
            }
        }
    }

    fileprivate init?(_ tree: JSONTree) {
        guard let id = tree["id"].unsigned, let notifier = tree["notifier"].text,
            let createdAt = tree["createdAt"].unsigned
        else { return nil }
        self.init(
            Notice(
                id: id, notifier: notifier, groupLabels: AlertLabels(tree["groupLabels"].texts),
                entries: tree["entries"].elements.compactMap(Notice.Entry.init),
                truncated: tree["truncated"].integer ?? 0, createdAt: createdAt))
        attempts = tree["attempts"].integer ?? 0
        firstAttempt = tree["firstAttempt"].unsigned
        nextAttempt = tree["nextAttempt"].unsigned ?? 0
        lastError = tree["lastError"].text ?? ""
    }
}

extension Notice.Entry {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.texts("labels", labels.values)
            json.texts("annotations", annotations)
            json.string("severity", severity.rawValue)
            json.string("fingerprint", fingerprint)
            json.int64String("start", start)
            json.time("end", end)
            json.string("valueText", valueText)
            json.string("conditionText", conditionText)
            if let stepText { json.string("stepText", stepText) }
            json.traces(examples)
            json.string("queryURL", queryURL)
        }
    }

    fileprivate init?(_ tree: JSONTree) {
        guard let start = tree["start"].unsigned, let fingerprint = tree["fingerprint"].text else { return nil }
        labels = AlertLabels(tree["labels"].texts)
        annotations = tree["annotations"].texts
        severity = tree["severity"].text.flatMap(AlertSeverity.init) ?? .warning
        self.fingerprint = fingerprint
        self.start = start
        end = tree["end"].unsigned
        valueText = tree["valueText"].text ?? ""
        conditionText = tree["conditionText"].text ?? ""
        stepText = tree["stepText"].text
        examples = tree.traces
        queryURL = tree["queryURL"].text ?? ""
    }
}
