// QueryAPI
