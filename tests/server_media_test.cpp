// Inputs of requests: every kind, from every source; embeddings; what is refused.
#include <fstream>

#include "http_server.h"
#include "pandagpt/embedder.h"
#include "pipeline/embedding_math.h"
#include "pipeline/manifest.h"
#include "server/file_store.h"
#include "server_media_support.h"
#include "store/sqlite.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::data_address;
using test::error_of;
using test::example;
using test::fixture_bytes;
using test::kExamples;
using test::picture_part;
using test::read_text;
using test::Reply;
using test::reply_of;
using test::ServerMediaTest;
using test::write_text;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Sense {
  Modality modality;
  json part;
};

std::vector<Sense> senses() {
  const auto address = [](const std::string& bytes) {
    return data_address(bytes, "application/octet-stream");
  };
  return {
      {Modality::kImage, picture_part()},
      {Modality::kAudio,
       {{"type", "input_audio"},
        {"input_audio",
         {{"data", address(fixture_bytes("audio/pcm_16.wav"))
                       .substr(std::string("data:application/octet-stream;base64,").size())},
          {"format", "wav"}}}}},
      {Modality::kVideo,
       {{"type", "video_url"},
        {"video_url", {{"url", address(fixture_bytes("video/h264_25.mp4"))}}}}},
      {Modality::kThermal,
       {{"type", "thermal_image"},
        {"thermal_image",
         {{"url", address(example("thermal_centikelvin.png"))},
          {"coldest", 28000},
          {"warmest", 32000}}}}},
      {Modality::kDepth,
       {{"type", "depth_map"},
        {"depth_map", {{"url", address(example("depth_mm.png"))}, {"metres_per_unit", 0.001}}}}},
      {Modality::kImu,
       {{"type", "imu"}, {"imu", {{"data", address(example("walking_imu.csv"))}}}}}};
}

TEST_F(ServerMediaTest, EverySenseIsAnsweredAndEmbeddedAsByTheLibrary) {
  start(six_senses());
  const Embedder embedder(model_.string(), {.n_threads = 1});
  for (const auto& [modality, part] : senses()) {
    const Reply reply = chat(about(part));
    EXPECT_EQ(reply.status, 200) << to_string(modality) << ": " << reply.body;
    EXPECT_EQ(reply.value()["timings"]["inputs_n"], 1);

    Input input;
    input.modality = modality;
    const std::string text = modality == Modality::kImage   ? fixture_bytes("images/exif1_jpg.jpg")
                             : modality == Modality::kAudio ? fixture_bytes("audio/pcm_16.wav")
                             : modality == Modality::kVideo ? fixture_bytes("video/h264_25.mp4")
                             : modality == Modality::kThermal ? example("thermal_centikelvin.png")
                             : modality == Modality::kDepth   ? example("depth_mm.png")
                                                              : example("walking_imu.csv");
    input.bytes.assign(text.begin(), text.end());
    if (modality == Modality::kThermal) {
      input.sensor.thermal_coldest = 28000;
      input.sensor.thermal_warmest = 32000;
    }
    Inputs inputs;
    std::vector<float> wanted = embedder.embed(inputs.add(input));
    bring_to_length_one(wanted);
    const std::vector<float> row = embed(json::array({part}));
    ASSERT_EQ(row.size(), wanted.size());
    for (std::size_t i = 0; i < row.size(); ++i)
      EXPECT_NEAR(row[i], wanted[i], 1e-5) << to_string(modality);
  }
}

TEST_F(ServerMediaTest, SeveralInputsAndWeights) {
  start(six_senses());
  json all = json::array();
  for (const auto& [modality, part] : senses())
    all.push_back(part);
  all[2]["video_url"]["url"] =
      data_address(fixture_bytes("video/h264_29_97_sound.mp4"), "video/mp4");
  all[2]["video_url"]["use_audio"] = true;
  all[1]["input_audio"]["weight"] = 0.5;
  const Reply reply =
      chat({{"messages", {{{"role", "user"}, {"content", all}}}}, {"max_tokens", 2}});
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.value()["timings"]["inputs_n"], 7);
  // The weight matters: a weight of zero is the other inputs alone.
  const auto prompt_of = [&](double weight) {
    json two{senses()[0].part, senses()[1].part};
    two[1]["input_audio"]["weight"] = weight;
    return text_of(chat({{"messages", {{{"role", "user"}, {"content", two}}}},
                         {"temperature", 3},
                         {"top_p", 1},
                         {"seed", 1},
                         {"max_tokens", 24}}));
  };
  EXPECT_EQ(prompt_of(0),
            text_of(chat({{"messages", {{{"role", "user"}, {"content", {senses()[0].part}}}}},
                          {"temperature", 3},
                          {"top_p", 1},
                          {"seed", 1},
                          {"max_tokens", 24}})));
}

TEST_F(ServerMediaTest, MotionAsNumbersIsTheSameAsItsFile) {
  start(six_senses());
  json samples = json::array();
  std::string csv = "acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n";
  for (int i = 0; i < 400; ++i) {
    const double x = 0.25 * (i % 7);
    samples.push_back({x, 1, 9.75, 0, -x, 0.5});
    csv += std::to_string(x) + ",1,9.75,0," + std::to_string(-x) + ",0.5\n";
  }
  const json imu{{"data", samples},
                 {"rate_hz", 200},
                 {"acceleration_unit", "m/s2"},
                 {"rotation_unit", "rad/s"}};
  const std::vector<float> row = embed({{"type", "imu"}, {"imu", imu}});
  EXPECT_EQ(embed({{"type", "imu"},
                   {"imu", {{"csv", csv}, {"rate_hz", 200}, {"rotation_unit", "rad/s"}}}}),
            row);
  // The units count.
  json in_degrees = imu;
  in_degrees["rotation_unit"] = "deg/s";
  EXPECT_NE(embed({{"type", "imu"}, {"imu", in_degrees}}), row);
  for (const auto& [change, why] : std::vector<std::pair<json, std::string>>{
           {{{"acceleration_unit", "parsec"}}, "acceleration_unit"},
           {{{"acceleration_unit", "g"}}, "gravity is 9.8"},
           {{{"rate_hz", -1}}, "rate_hz"},
           {{{"gravity", "some"}}, "gravity"},
           {{{"files", json::array({json::object()})}}, "files[0]"},
           {{{"data", {{1, 2, 3}}}}, "samples"},
           {{{"data", json::array()}}, "samples"},
           {{{"data", {{1, 2, 3, 4, 5, "x"}}}}, "numbers"}}) {
    json wrong = imu;
    wrong.update(change);
    EXPECT_THAT(refused(about({{"type", "imu"}, {"imu", wrong}})), HasSubstr(why));
  }
}

TEST_F(ServerMediaTest, AMotionRecordingMayHaveAFileForEachSensor) {
  start(six_senses());
  std::string whole = "time_s,acc_x,acc_y,acc_z,gyro_x (rad/s),gyro_y (rad/s),gyro_z (rad/s)\n";
  std::string acceleration = "time_s,x,y,z\n";
  std::string rotation = acceleration;
  for (int i = 0; i < 300; ++i) {
    const std::string time = std::to_string(i / 100.0) + ",";
    const std::string push = std::to_string(0.25 * (i % 7)) + ",1,9.75";
    const std::string turn = "0," + std::to_string(0.1 * (i % 5)) + ",0.5";
    acceleration += time + push + "\n";
    rotation += time + turn + "\n";
    whole += time + push + "," + turn + "\n";
  }
  const auto file = [](const std::string& text, const std::string& name) {
    return json{{"data", data_address(text, "text/csv")}, {"filename", name}};
  };
  json imu{{"files", {file(rotation, "Gyroscope.csv"), file(acceleration, "Accelerometer.csv")}},
           {"rotation_unit", "rad/s"}};
  EXPECT_EQ(embed({{"type", "imu"}, {"imu", imu}}),
            embed({{"type", "imu"}, {"imu", {{"csv", whole}}}}));
  imu["files"].erase(0);
  EXPECT_THAT(refused(about({{"type", "imu"}, {"imu", imu}})), HasSubstr("the gyroscope"));
}

TEST_F(ServerMediaTest, MessagesOfARobotsLog) {
  start(six_senses());
  const std::string log = data_address(fixture_bytes("logs/ros2_zstd.mcap"), "application/mcap");
  const auto embedded = [&](const char* type, const char* topic, const json& time) {
    json content{{"filename", "run.mcap"}, {"topic", topic}, {"time", time}};
    content[type == std::string("imu") ? "data" : "url"] = log;
    return embed({{"type", type}, {type, content}});
  };
  const std::vector<float> first = embedded("depth_map", "/camera/depth", 0);
  EXPECT_NE(embedded("image_url", "/camera/color", 0.1), first);
  EXPECT_EQ(embedded("depth_map", "camera/depth", "0"), first);
  // The place counts, also for what is remembered of the same bytes.
  EXPECT_NE(embedded("depth_map", "/camera/metres/compressedDepth", 0.7), first);
  EXPECT_EQ(embedded("imu", "/imu", "0-2").size(), first.size());
  const auto refused_for = [&](const json& change) {
    json content{{"url", log}, {"filename", "run.mcap"}};
    content.update(change);
    return refused(about({{"type", "image_url"}, {"image_url", content}}));
  };
  EXPECT_THAT(refused_for({{"topic", "/none"}}), HasSubstr("run.mcap#/none: the log has no topic"));
  EXPECT_THAT(refused_for({{"topic", "/camera/color"}, {"time", "soon"}}), HasSubstr("no time"));
  EXPECT_THAT(refused_for({{"topic", "a@b"}}), HasSubstr("topic"));
  EXPECT_THAT(refused_for({{"time", {1}}}), HasSubstr("time"));
}

TEST_F(ServerMediaTest, DepthSaysWhatItsNumbersAre) {
  start(six_senses());
  const std::string map = data_address(example("depth_mm.png"), "image/png");
  const auto part = [&](json options) {
    options["url"] = map;
    return json{{"type", "depth_map"}, {"depth_map", options}};
  };
  const std::vector<float> row = embed(json::array({part({{"encoding", "mm"}})}));
  EXPECT_EQ(embed(json::array({part({{"metres_per_unit", 0.001}})})), row);
  EXPECT_NE(embed(json::array({part({{"encoding", "kitti"}})})), row);
  // Without a word the numbers are taken for millimetres, and the answer says so.
  const Reply reply = chat(about(part(json::object())));
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(reply.value()["warnings"].dump(), HasSubstr("taken as millimetres"));
  EXPECT_FALSE(chat(about(part({{"encoding", "mm"}}))).value().contains("warnings"));
  for (const auto& [options, why] : std::vector<std::pair<json, std::string>>{
           {{{"encoding", "feet"}}, "must be one of: 7scenes, auto"},
           {{{"encoding", 5}}, "encoding"},
           {{{"encoding", "disparity"}}, "focal_length and baseline"},
           {{{"encoding", "tum"}, {"metres_per_unit", 1}}, "unit of its own"}})
    EXPECT_THAT(refused(about(part(options))), HasSubstr(why));
}

TEST_F(ServerMediaTest, EmbeddingsOfTexts) {
  start(six_senses());
  const Embedder embedder(model_.string(), {.n_threads = 1});
  const std::vector<std::string> texts{"a dog", "the sound of rain"};
  const std::vector<float> rows = embedder.embed_texts(texts);
  const Reply reply = post("/v1/embeddings", {{"input", texts}, {"normalize", false}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  const json value = reply.value();
  EXPECT_EQ(value["object"], "list");
  ASSERT_EQ(value["data"].size(), 2U);
  for (std::size_t i = 0; i < rows.size(); ++i)
    EXPECT_NEAR(value["data"][i / embedder.width()]["embedding"][i % embedder.width()].get<float>(),
                rows[i], 1e-5);
  // base64 is what the openai client asks for by itself.
  const json packed =
      post("/v1/embeddings", {{"input", "a dog"}, {"encoding_format", "base64"}}).value();
  const std::string base64_text = packed["data"][0]["embedding"];
  const auto bytes = decode_base64(base64_text);
  ASSERT_TRUE(bytes);
  ASSERT_EQ(bytes->size(), sizeof(float) * static_cast<std::size_t>(embedder.width()));
  const auto* floats = reinterpret_cast<const float*>(bytes->data());
  const std::vector<float> normal = embed("a dog");
  for (std::size_t i = 0; i < normal.size(); ++i)
    EXPECT_NEAR(floats[i], normal[i], 1e-6);
  EXPECT_EQ(post("/v1/embeddings", {{"input", json::array()}}).status, 400);
  EXPECT_EQ(post("/v1/embeddings", {{"input", {1, 2}}}).status, 400);
  EXPECT_EQ(post("/v1/embeddings", {{"input", "a"}, {"dimensions", 3}}).status, 400);
}

TEST_F(ServerMediaTest, ASenseThatTheModelLacksIsNamed) {
  EXPECT_THAT(refused(about(senses()[1].part)), HasSubstr("no audio tower"));
  EXPECT_THAT(post("/v1/embeddings", {{"input", "text"}}).error(), HasSubstr("no text tower"));
}

TEST_F(ServerMediaTest, AddressesAreFetchedOnlyIfAllowedAndNeverPrivateOnes) {
  const std::string picture = fixture_bytes("images/exif1_jpg.jpg");
  test::HttpServer web([&](const test::ServerRequest& request) {
    if (request.target == "/moved")
      return test::response("302 Found", "", {"Location: /photo.jpg"});
    if (request.target == "/photo.jpg") return test::response("200 OK", picture);
    if (request.target == "/big") return test::response("200 OK", std::string(200'000, 'x'));
    return test::response("404 Not Found", "");
  });
  const auto with_url = [](const std::string& url) {
    return about({{"type", "image_url"}, {"image_url", {{"url", url}}}});
  };
  EXPECT_THAT(refused(with_url(web.url("/photo.jpg"))), HasSubstr("--allow-urls"));
  EXPECT_TRUE(web.requests().empty());

  ServerOptions with = options();
  with.allow_urls = true;
  start(with);
  for (const std::string host : {"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433",
                                 "[::ffff:127.0.0.1]", "0x7f.1", "169.254.169.254", "10.0.0.1"})
    EXPECT_THAT(refused(with_url("http://" + host + ":9/photo.jpg")), HasSubstr("public internet"))
        << host;
  EXPECT_TRUE(web.requests().empty());
  EXPECT_THAT(refused(with_url("file:///etc/passwd")), HasSubstr("must be"));
  EXPECT_THAT(refused(with_url("ftp://example.org/a")), HasSubstr("must be"));

  with.allow_private_urls = true;
  with.limits.max_media_bytes = 100'000;
  start(with);
  EXPECT_EQ(chat(with_url(web.url("/photo.jpg"))).status, 200);
  EXPECT_EQ(chat(with_url(web.url("/moved"))).status, 200);
  EXPECT_THAT(refused(with_url(web.url("/big"))), HasSubstr("limit"));
  EXPECT_THAT(refused(with_url(web.url("/none"))), HasSubstr("404"));
}

TEST_F(ServerMediaTest, DamagedAndTooLargeInputs) {
  ServerOptions with = six_senses();
  with.limits.inputs = {.max_pixels = 7000, .max_seconds = 0.01, .max_decode_seconds = 30};
  with.limits.max_parts = 2;
  start(with);
  const auto picture = [](const std::string& url) {
    return about({{"type", "image_url"}, {"image_url", {{"url", url}}}});
  };
  EXPECT_THAT(refused(picture("data:image/png;base64,!!!")), HasSubstr("base64"));
  EXPECT_THAT(refused(picture("data:image/png,abc")), HasSubstr("data:TYPE;base64"));
  EXPECT_THAT(refused(picture("data:image/png;base64,")), HasSubstr("empty"));
  EXPECT_THAT(refused(picture(data_address("no picture", "image/png"))),
              HasSubstr("messages[0].content[0].image_url.url"));
  EXPECT_THAT(refused(about(picture_part("images/photo_chelsea.jpg"))), HasSubstr("pixels"));
  EXPECT_THAT(refused(about(senses()[1].part)), HasSubstr("longer than the limit"));
  EXPECT_THAT(refused(about(senses()[2].part)), HasSubstr("longer than the limit"));
  EXPECT_THAT(refused(about({{"type", "image_url"}})), HasSubstr("is missing"));
  EXPECT_THAT(refused(about({{"type", "image_url"}, {"image_url", json::object()}})),
              HasSubstr("is missing"));
  json three = json::array();
  for (int i = 0; i < 3; ++i)
    three.push_back(picture_part("images/jpeg_33x16.jpg"));
  EXPECT_THAT(refused({{"messages", {{{"role", "user"}, {"content", three}}}}}),
              HasSubstr("more than 2 inputs"));
}

TEST_F(ServerMediaTest, DecodingThatTakesTooLongIsGivenUp) {
  ServerOptions with = six_senses();
  with.limits.inputs.max_decode_seconds = 1e-6;
  start(with);
  for (const std::size_t i : {1U, 2U})
    EXPECT_THAT(refused(about(senses()[i].part)), HasSubstr("longer than the limit")) << i;
}

TEST_F(ServerMediaTest, ServerPathsAreNotTold) {
  start(six_senses());
  const std::string id = upload("no picture at all", "notes.jpg").value()["id"];
  const std::string message = refused(about(picture_of(id)));
  EXPECT_THAT(message, HasSubstr("notes.jpg"));
  EXPECT_THAT(message, Not(HasSubstr(folder_.path().string())));
}

/// A stereo WAV file of a second whose first channel is silent.
std::string right_channel_sound() {
  constexpr std::uint32_t kRate = 8000, kDataBytes = kRate * 4;
  std::string bytes;
  const auto put = [&](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i)
      bytes += static_cast<char>(value >> (8 * i));
  };
  bytes = "RIFF";
  put(36 + kDataBytes, 4);
  bytes += "WAVEfmt ";
  put(16, 4);
  put(1, 2);
  put(2, 2);
  put(kRate, 4);
  put(kRate * 4, 4);
  put(4, 2);
  put(16, 2);
  bytes += "data";
  put(kDataBytes, 4);
  for (std::uint32_t i = 0; i < kRate; ++i) {
    put(0, 2);
    put(i % 16 < 8 ? 8000 : 57000, 2);
  }
  return bytes;
}

TEST_F(ServerMediaTest, SoundsHaveAChannel) {
  start(six_senses());
  const auto ask = [&](const json& channel) {
    json sound{{"data", data_address(right_channel_sound(), "audio/wav")}};
    if (!channel.is_null()) sound["channel"] = channel;
    return chat(about({{"type", "input_audio"}, {"input_audio", sound}}));
  };
  const Reply first = ask(nullptr);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_THAT(first.value()["warnings"].dump(), HasSubstr("channel 1"));
  for (const json& channel : {json("auto"), json("mix"), json(2), json("2")}) {
    const Reply heard = ask(channel);
    ASSERT_EQ(heard.status, 200) << heard.body;
    EXPECT_FALSE(heard.value().contains("warnings")) << channel << heard.body;
  }
  EXPECT_EQ(ask(3).status, 400);
  EXPECT_THAT(ask(3).error(), HasSubstr("there is no channel 3, the sound has 2"));
  EXPECT_THAT(ask("left").error(), HasSubstr("input_audio.channel"));
  EXPECT_EQ(ask(0).status, 400);
}

}  // namespace
}  // namespace pandagpt
