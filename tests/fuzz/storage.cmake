cairn_fuzz(log_record_fuzz SOURCES log_record_fuzz.cc DEPS storage crypto io base)
