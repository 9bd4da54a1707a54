/// Attributes of the spans of database clients.
///
/// Version: semantic conventions 1.40.
public enum DatabaseAttributes {
    /// The product, such as `postgresql`, `redis` or `sqlite`.
    public static let systemName = AttributeKey<String>("db.system.name")
    /// The database, with its schema where it has one: `inventory` or `inventory|public`.
    public static let namespace = AttributeKey<String>("db.namespace")
    /// The table, collection or index.
    public static let collectionName = AttributeKey<String>("db.collection.name")
    /// What is done, such as `SELECT`.
    public static let operationName = AttributeKey<String>("db.operation.name")
    /// How many operations one request holds, where it holds more than one.
    public static let operationBatchSize = AttributeKey<Int>("db.operation.batch.size")
    /// The query with placeholders in place of values.
    public static let queryText = AttributeKey<String>("db.query.text")
    /// Operation and tables, of few distinct values: `SELECT facts`. Also the name of the span.
    public static let querySummary = AttributeKey<String>("db.query.summary")
    /// The stored procedure that is called.
    public static let storedProcedureName = AttributeKey<String>("db.stored_procedure.name")
    /// How many rows came back.
    public static let responseReturnedRows = AttributeKey<Int>("db.response.returned_rows")
    /// The database's own code of the answer; of an error its class too.
    public static let responseStatusCode = AttributeKey<String>("db.response.status_code")
}
