"""The workshop: renderer, trainers, ONNX export, bundle and judge. Offline; needs torch."""
