cairn_fuzz(placement_book_fuzz SOURCES placement_book_fuzz.cc DEPS server storage crypto io base)
cairn_fuzz(shared_bucket_fuzz SOURCES shared_bucket_fuzz.cc DEPS object storage catalog crypto io base)
