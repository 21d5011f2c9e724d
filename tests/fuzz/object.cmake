cairn_fuzz(object_record_fuzz SOURCES object_record_fuzz.cc DEPS object crypto base)
