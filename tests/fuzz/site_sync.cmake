cairn_fuzz(site_sync_fuzz SOURCES site_sync_fuzz.cc DEPS object)
