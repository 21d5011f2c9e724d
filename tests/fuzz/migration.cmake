cairn_fuzz(migration_state_fuzz SOURCES migration_state_fuzz.cc DEPS server base)
