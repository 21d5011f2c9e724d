cairn_fuzz(placement_book_fuzz SOURCES placement_book_fuzz.cc DEPS server storage crypto io base)
