cairn_fuzz(query_form_fuzz SOURCES query_form_fuzz.cc DEPS query)
cairn_fuzz(iam_jwt_fuzz SOURCES iam_jwt_fuzz.cc DEPS iam base)
