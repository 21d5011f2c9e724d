cairn_fuzz(pin_list_fuzz SOURCES pin_list_fuzz.cc DEPS server base)
