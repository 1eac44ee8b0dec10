// Asks a model folder one question about one picture: ask MODEL PICTURE QUESTION
#include <pandagpt/panda.h>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "Usage: ask MODEL PICTURE QUESTION\n";
    return 2;
  }
  try {
    const pandagpt::Panda panda(argv[1]);
    pandagpt::Inputs inputs;
    inputs.add_file(pandagpt::Modality::kImage, argv[2]);
    std::cout << panda.ask(inputs, argv[3]).text << '\n';
  } catch (const pandagpt::Error& error) {
    std::cerr << "ask: " << error.what() << '\n';
    return static_cast<int>(error.kind());
  } catch (const std::exception& error) {
    std::cerr << "ask: " << error.what() << '\n';
    return 1;
  }
}
