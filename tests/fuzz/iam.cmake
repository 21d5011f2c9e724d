cairn_fuzz(iam_policy_fuzz SOURCES iam_policy_fuzz.cc DEPS iam LIBS nlohmann_json::nlohmann_json)
