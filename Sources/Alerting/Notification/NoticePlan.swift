/// Decides what is told to whom and when, as Alertmanager does: alerts of one group together, after `group_wait`, then at
/// most every `group_interval`, and again after `repeat_interval`. A value, as ``AlertMachine``.
package struct NoticePlan: Sendable, Equatable {
    struct GroupID: Hashable, Sendable {
        var notifier: String
        var labels: AlertLabels
    }

    /// What somebody was told about an alert.
    struct Told: Sendable, Equatable {
        var alert: Alert
        /// Nil while it fires.
        var end: UInt64?
    }

    struct Group: Sendable, Equatable {
        /// When the group is looked at next.
        var nextFlush: UInt64
        var lastSent: UInt64 = 0
        var told: [Alert.Key: Told] = [:]
    }

    struct QuietKey: Hashable, Sendable {
        var notifier: String
        var alert: Alert.Key
    }

    var groups: [GroupID: Group] = [:]
    /// Until when nothing is said about alerts that ended and may come again.
    var quiet: [QuietKey: UInt64] = [:]
    var lastID: UInt64 = 0

    package init() {}

    /// Notes the end of alerts.
    package mutating func note(_ transitions: [AlertMachine.Transition], at now: UInt64) {
        for case .ended(let alert) in transitions {
            for id in groups.keys where groups[id]?.told[alert.key] != nil {
                groups[id]?.told[alert.key]?.end = now
            }
        }
    }

    /// The notices that are due.
    ///
    /// - Parameter firing: All alerts that fire, silenced or not.
    package mutating func notices(
        _ firing: [Alert], _ configuration: AlertsConfiguration, at now: UInt64
    ) -> [Notice] {
        var notices: [Notice] = []
        quiet = quiet.filter { now < $0.value }
        let known = Set(configuration.notifiers.map(\.id))
        groups = groups.filter { known.contains($0.key.notifier) }
        let rules = Dictionary(configuration.rules.map { ($0.name, $0) }) { first, _ in first }
        for notifier in configuration.notifiers {
            var members: [GroupID: [Alert]] = [:]
            for alert in firing {
                guard let rule = rules[alert.key.rule], rule.notifiers?.contains(notifier.id) ?? true,
                    alert.severity >= notifier.minSeverity
                else { continue }
                members[group(of: alert, notifier, configuration), default: []].append(alert)
            }
            for id in members.keys where groups[id] == nil {
                groups[id] = Group(nextFlush: now + configuration.groupWait)
            }
            let mine = groups.keys.filter { $0.notifier == notifier.id }.sorted { $0.labels.text < $1.labels.text }
            for id in mine {
                if let notice = flush(id, members[id] ?? [], notifier, rules, configuration, at: now) {
                    notices.append(notice)
                }
            }
        }
        return notices
    }

    private func group(
        of alert: Alert, _ notifier: NotifierConfiguration, _ configuration: AlertsConfiguration
    ) -> GroupID {
        var labels = AlertLabels()
        if notifier.tellsAlertsApart {
            labels = alert.key.group
            labels["alertname"] = alert.key.rule
        } else {
            for name in configuration.groupBy { labels[name] = alert.labels[name] }
        }
        return GroupID(notifier: notifier.id, labels: labels)
    }

    private mutating func flush(
        _ id: GroupID, _ members: [Alert], _ notifier: NotifierConfiguration, _ rules: [String: AlertRule],
        _ configuration: AlertsConfiguration, at now: UInt64
    ) -> Notice? {
        guard var group = groups[id] else { return nil }
        // The clock was set back.
        if group.nextFlush > now + max(configuration.groupWait, configuration.groupInterval) { group.nextFlush = now }
        groups[id] = group
        guard now >= group.nextFlush else { return nil }
        // An alert that has come again since is one that lasts.
        for alert in members where group.told[alert.key] != nil { group.told[alert.key]?.end = nil }
        let visible = members.filter { alert in
            if configuration.silences.contains(where: { $0.mutes(alert.labels, at: now) }) { return false }
            return quiet[QuietKey(notifier: notifier.id, alert: alert.key)] == nil || group.told[alert.key] != nil
        }
        let news = visible.filter { alert in
            guard let told = group.told[alert.key] else { return true }
            return alert.step ?? 0 > told.alert.step ?? 0
        }
        // The end is told of also during a silence, where the begin was: who keeps incidents would keep it open.
        let ended = group.told.values.filter { $0.end != nil }.sorted {
            $0.alert.key.group.text < $1.alert.key.group.text
        }
        let isRepeat =
            visible.contains { !$0.isBudget } && now >= group.lastSent
            && now - group.lastSent >= configuration.repeatInterval
        group.nextFlush = now + configuration.groupInterval
        var notice: Notice?
        let toldEnds = notifier.sendsResolved ? ended : []
        if !news.isEmpty || !toldEnds.isEmpty || isRepeat {
            let entries =
                visible.map { Notice.Entry($0, end: nil) } + toldEnds.map { Notice.Entry($0.alert, end: $0.end) }
            lastID += 1
            notice = Notice(
                id: lastID, notifier: notifier.id, groupLabels: id.labels,
                entries: Array(entries.prefix(Notice.entriesMax)), truncated: max(0, entries.count - Notice.entriesMax),
                createdAt: now)
            group.lastSent = now
            for alert in visible { group.told[alert.key] = Told(alert: alert) }
        }
        for told in ended {
            group.told[told.alert.key] = nil
            if let cooldown = rules[told.alert.key.rule]?.cooldown, cooldown > 0 {
                quiet[QuietKey(notifier: notifier.id, alert: told.alert.key)] = now + cooldown
            }
        }
        // A group that has just spoken stays for an interval, so that an alert that comes and goes is not told each time.
        groups[id] = group.told.isEmpty && members.isEmpty && notice == nil ? nil : group
        return notice
    }
}
