cairn_fuzz(log_record_fuzz SOURCES log_record_fuzz.cc DEPS storage crypto io base)
cairn_fuzz(pack_snapshot_fuzz SOURCES pack_snapshot_fuzz.cc DEPS storage crypto io base)
cairn_fuzz(chunk_description_fuzz SOURCES chunk_description_fuzz.cc DEPS storage crypto io base)
