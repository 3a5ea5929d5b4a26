"""Whether a customer blocks pushes is unknown where the API version can not tell."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rollouts', '0016_override_of'),
    ]

    operations = [
        migrations.AlterField(
            model_name='installation',
            name='blocked',
            field=models.BooleanField(default=False, help_text="the customer blocks pushes; null: can't be read", null=True),
        ),
    ]
