"""Gates: tests of the data between the layers. What fails is not published; what was published last is served on."""
