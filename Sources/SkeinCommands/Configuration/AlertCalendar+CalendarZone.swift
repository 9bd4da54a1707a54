import Alerting
import QueryAPI

extension AlertCalendar {
    /// Budgets' days and months are those of usage queries.
    init(_ zone: CalendarZone) {
        self.init(name: zone.name) { period, time in
            switch period {
            case .day: zone.start(of: .day, at: time)
            case .month: zone.start(of: .month, at: time)
            }
        }
    }
}
